"""Asks the models of a chain in their order: the next one when the one before is out or gone, never to get round a refusal.

`docs/providers.md` has the rule for each error. A chain is a model like any other to who asks it.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, Generic, Protocol, TypeVar

from chalicelib.ai.breaker import through
from chalicelib.ai.function import AIFunction, Embed
from chalicelib.core.context import Context, ProviderChoice
from chalicelib.core.errors import AppError, InvalidAnswer, Moderated, UpstreamRejected, UpstreamUnavailable
from chalicelib.core.observability import count, logger
from chalicelib.ports import Embedder, ImageAnswer, ImageModel, ImageRequest, TextAnswer, TextModel, TextRequest
from chalicelib.system.circuits import Circuit, Circuits
from chalicelib.system.provider_choice import Link, Provider, circuit_of, provider_for


class Named(Protocol):
    """What all models have."""

    provider: str
    model: str


Model = TypeVar("Model", bound=Named)
Answer = TypeVar("Answer")


def provider_of(ctx: Context, function: AIFunction) -> Provider:
    """Who does this function's work: whether the account pays them itself, and whether at the price of a premium image."""
    return provider_for(ctx, "image" if function.schema is None else "text", function.name)


def text_model(ctx: Context, function: AIFunction) -> TextModel:
    """The models that answer this function's questions, as one."""
    return TextChain(ctx, provider_of(ctx, function), ctx.deps.text)


def image_model(ctx: Context) -> ImageModel:
    """The models that draw, as one."""
    return ImageChain(ctx, provider_for(ctx, "image"), ctx.deps.image)


def embedder(ctx: Context) -> Embed:
    """Vectors of texts, and the distance at which this embedder's clusters are cut."""

    def embed(texts: Any) -> tuple[Any, float]:
        chain: Chain[Embedder] = Chain(ctx, provider_for(ctx, "embedding"), ctx.deps.embedder)
        return chain.ask(lambda model: (model.embed(texts), model.threshold))

    return embed


class Chain(Generic[Model]):
    """Models in the order in which they are asked. What the first questions of a piece of work were answered by, answers all of them.

    provider, model: who answered last, at first who is asked first. Making one raises ValidationFailed when there is no key for it, and
    what `Link.choice` raises.
    """

    def __init__(self, ctx: Context, provider: Provider, make: Callable[[ProviderChoice], Model]) -> None:
        self._ctx, self._links, self._make = ctx, provider.links, make
        self._circuits = Circuits(ctx.deps.ops, ctx.deps.clock)
        self._made: dict[int, tuple[Model, Circuit | None]] = {}
        self._at = 0
        self.provider, self.model = self.current.provider, self.current.model

    @property
    def current(self) -> Model:
        """The model that answered last, at first the first."""
        return self._model(self._at)[0]

    def ask(self, question: Callable[[Model], Answer]) -> Answer:
        """The answer of the first model that gives one.

        Raises: what the first model raises that no other is asked for; else the error after which a later try helps soonest, with what
        the others said.
        """
        failures: list[tuple[str, UpstreamUnavailable | UpstreamRejected]] = []
        for at in range(self._at, len(self._links)):
            link = self._links[at]
            model, circuit = self._model(at)
            last = at == len(self._links) - 1
            try:
                if circuit is not None and not last and self._ended(circuit, link):
                    raise UpstreamRejected(f"The model {link.named.model} has been shut down.", reason="model_gone")
                answer = question(model) if circuit is None else through(self._circuits, circuit, lambda m=model: question(m))  # type: ignore[misc]
            except (UpstreamUnavailable, UpstreamRejected) as error:
                if not _next_may_help(error) and not (failures and _of_that_link(error)):
                    raise
                failures.append((f"{link.named.provider} {link.named.model}".strip(), error))
                if not last:
                    _noted(link, self._links[at + 1], error)
                continue
            self._at, self.provider, self.model = at, model.provider, model.model
            return answer
        raise _told(failures)

    def _model(self, at: int) -> tuple[Model, Circuit | None]:
        if at not in self._made:
            link = self._links[at]
            self._made[at] = (self._make(link.choice), circuit_of(self._ctx, link))
        return self._made[at]

    def _ended(self, circuit: Circuit, link: Link) -> bool:
        """Whether the server has said of the model that its last day is over."""
        ends = self._circuits.state(circuit).dates.get(link.named.model)
        return ends is not None and date.fromisoformat(ends) <= self._ctx.deps.clock.now().date()


class TextChain(Chain[TextModel]):
    """`ports.TextModel`."""

    def complete(self, request: TextRequest) -> TextAnswer:
        return self.ask(lambda model: model.complete(request))


class ImageChain(Chain[ImageModel]):
    """`ports.ImageModel`."""

    def draw(self, request: ImageRequest) -> ImageAnswer:
        return self.ask(lambda model: model.draw(request))


def _next_may_help(error: AppError) -> bool:
    """Whether another model may be asked instead: this one is out or gone, and that is no decision of the customer's to make."""
    if isinstance(error, UpstreamUnavailable):
        return error.extra.get("reason") != "no_time"
    return error.extra.get("reason") == "model_gone"


def _of_that_link(error: AppError) -> bool:
    """Whether a fallback's error is about it (its key, its quota), not about what was asked: then what the first said matters more."""
    return isinstance(error, UpstreamRejected) and not isinstance(error, Moderated | InvalidAnswer)


def _noted(link: Link, following: Link, error: AppError) -> None:
    count("ProviderFallbacks", Provider=link.named.provider)
    names = {"from": f"{link.named.provider} {link.named.model}", "to": f"{following.named.provider} {following.named.model}"}
    logger().warning("falling back", extra={**names, "detail": error.message})


def _told(failures: list[tuple[str, UpstreamUnavailable | UpstreamRejected]]) -> AppError:
    """The one error to raise for those of all links."""
    errors = [error for _, error in failures]
    out = [error for error in errors if isinstance(error, UpstreamUnavailable)]
    if not out:
        return _with_others(errors[0], failures)
    # One that is not known to be out for long first, so that the work is tried again soon; else the one that is asked again soonest.
    return _with_others(min(out, key=lambda error: str(error.extra.get("until", ""))), failures)


def _with_others(error: AppError, failures: list[tuple[str, UpstreamUnavailable | UpstreamRejected]]) -> AppError:
    others = [f"{name}: {other.message}" for name, other in failures if other is not error]
    if not others:
        return error
    message = f"{error.message} Also asked: {' '.join(others)}"[:1500]
    if isinstance(error, UpstreamUnavailable):
        return UpstreamUnavailable(message, retry_after_seconds=error.retry_after_seconds, **error.extra)
    return UpstreamRejected(message, **error.extra)

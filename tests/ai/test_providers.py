"""Chains of models: who is asked after whom for which error, what is paid and said, and how often settings and keys are read."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chalicelib.ai import registry
from chalicelib.ai.providers import embedder, image_model, provider_of, text_model
from chalicelib.core.config import Config
from chalicelib.core.context import Context, Deps, ProviderChoice
from chalicelib.core.errors import AppError, InvalidAnswer, Moderated, UpstreamRejected, UpstreamUnavailable, ValidationFailed
from chalicelib.ports import ImageModel, ImageRequest, TextAnswer, TextModel, TextRequest
from chalicelib.system.circuits import Circuits
from chalicelib.system.provider_choice import circuit_of, price_for, provider_for
from chalicelib.system.settings import Settings
from tests.conftest import ContextFactory
from tests.fakes import FixedClock, ReversibleSecrets, ScriptedImages

WRITE = registry.get("generate_content")
REQUEST = TextRequest("generate_content", "system", "prompt", TextAnswer, timeout_seconds=60)  # type: ignore[arg-type]
OUT = UpstreamUnavailable("It does not answer (500).")
GONE = UpstreamRejected("No such model.", reason="model_gone")


@dataclass
class Models:
    """Text models by name, each with the errors it raises before it answers; `asked` is in order."""

    errors: dict[str, list[Exception]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    choices: list[ProviderChoice] = field(default_factory=list)

    def __call__(self, choice: ProviderChoice) -> TextModel:
        self.choices.append(choice)
        return _Model(choice.provider, choice.model, self)


@dataclass
class _Model:
    provider: str
    model: str
    of: Models

    def complete(self, request: TextRequest) -> TextAnswer:
        self.of.asked.append(self.model)
        if errors := self.of.errors.get(self.model):
            raise errors.pop(0)
        return TextAnswer("{}", self.model, self.provider, 1, 1, 0.1)


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
def own(ctx: ContextFactory, deps: Deps, models: Models, tenant: str) -> Context:
    """An account with a key of its own and two fallback models."""
    found = ctx(deps=replace(deps, text=models))
    Settings(found).save("openai", {"api_key": f"sk-{tenant}", "model": "first", "fallback_models": ["second", "third"]})
    return found


def platform(ctx: ContextFactory, deps: Deps, models: Any, **config: str) -> Context:
    """An account without keys, on a deployment with these settings. The platform's key is the test's own, and so is its circuit."""
    context = ctx(deps=deps)
    key = f"sk-platform-{context.tenant}"
    chosen = Config(stage="local", **{"ai_provider": "openai", "openai_api_key": key, "runware_api_key": key, **config})
    return ctx(deps=replace(deps, config=chosen, text=models))


def ask(context: Context) -> TextAnswer:
    return text_model(context, WRITE).complete(REQUEST)


def refused(context: Context) -> AppError:
    with pytest.raises(AppError) as caught:
        ask(context)
    return caught.value


# --- who is asked after whom ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OUT, GONE, UpstreamUnavailable("slow down (429)", retry_after_seconds=30)])
def test_who_is_out_or_gone_is_stood_in_for_and_the_answer_says_by_whom(own: Context, models: Models, error: Exception) -> None:
    models.errors = {"first": [error]}
    answer = ask(own)
    assert (answer.model, answer.provider, models.asked) == ("second", "openai", ["first", "second"])


@pytest.mark.parametrize(
    "error",
    [
        UpstreamRejected("Wrong key.", reason="key_refused"),
        UpstreamRejected("No quota.", reason="no_quota"),
        UpstreamRejected("Forbidden.", reason="not_allowed"),
        UpstreamRejected("Too long.", reason="too_long"),
        UpstreamRejected("Bad request."),
        Moderated(),
        InvalidAnswer("Cut off."),
        UpstreamUnavailable("No time.", reason="no_time"),
        ZeroDivisionError("a bug"),
    ],
)
def test_no_other_reason_is_one_to_ask_somebody_else(own: Context, models: Models, error: Exception) -> None:
    models.errors = {"first": [error]}
    with pytest.raises(type(error)) as caught:
        ask(own)
    assert caught.value is error and models.asked == ["first"]


def test_a_piece_of_work_stays_with_whom_it_was_begun_by(own: Context, models: Models) -> None:
    models.errors = {"first": [OUT]}
    chain = text_model(own, WRITE)
    assert isinstance(chain, TextModel) and (chain.provider, chain.model) == ("openai", "first")
    assert [chain.complete(REQUEST).model for _ in range(3)] == ["second"] * 3
    assert chain.model == "second" and models.asked == ["first", "second", "second", "second"]
    assert ask(own).model == "first", "the next piece begins with the first again"


def test_when_all_fail_the_error_is_the_one_that_passes_soonest_and_names_the_others(own: Context, models: Models) -> None:
    models.errors = {"first": [GONE], "second": [OUT], "third": [UpstreamRejected("Wrong key.", reason="key_refused")]}
    error = refused(own)
    assert type(error) is UpstreamUnavailable and error.message.startswith(OUT.message)
    assert "openai first: No such model." in error.message and "openai third: Wrong key." in error.message
    models.errors = {name: [GONE] for name in ("first", "second", "third")}
    Settings(own).save("openai", {"model": "first", "fallback_models": ["second", "third"]})  # closes the circuit of the wrong key
    error = refused(own)
    assert type(error) is UpstreamRejected and error.extra["reason"] == "model_gone"


@pytest.mark.parametrize("error", [Moderated("Not this text."), InvalidAnswer("Cut off.", answer="{")])
def test_what_a_fallback_says_of_the_text_counts(own: Context, models: Models, error: Exception) -> None:
    models.errors = {"first": [OUT], "second": [error]}
    assert refused(own) is error


def test_an_open_circuit_is_passed_by_without_asking(own: Context, models: Models) -> None:
    models.errors = {"first": [OUT] * 9}
    assert [ask(own).model for _ in range(5)] == ["second"] * 5
    assert models.asked.count("first") == 3, "then it was not even asked"


def test_another_provider_draws(ctx: ContextFactory, deps: Deps, models: Models) -> None:
    images = {"gpt-image-2": ScriptedImages([OUT] * 3, model="gpt-image-2"), "flux": ScriptedImages([b"png"] * 4, model="flux")}
    context = platform(ctx, deps, models, image_fallbacks="runware=flux")
    context = replace(context, deps=replace(context.deps, image=lambda choice: images[choice.model]))
    request = ImageRequest("A bike", 64, 64)
    drawn = [image_model(context).draw(request).model for _ in range(4)]
    assert isinstance(image_model(context), ImageModel) and drawn == ["flux"] * 4
    assert len(images["gpt-image-2"].asked) == 3


def test_when_none_answers_it_is_said_when_the_first_of_them_is_asked_again(own: Context, models: Models, clock: FixedClock) -> None:
    models.errors = {"first": [OUT] * 3, "second": [OUT] * 4, "third": [OUT] * 5}
    reasons = [refused(own).extra.get("reason") for _ in range(2)]
    assert reasons == [None, None], "as long as one of them may answer at once, nobody has to wait"
    error = refused(own)
    assert (error.extra["reason"], error.extra["until"], len(models.asked)) == ("circuit_open", "2026-11-20T12:01:00.000Z", 9)
    assert error.message.count("has not answered since") == 3
    assert refused(own).extra["until"] == error.extra["until"] and len(models.asked) == 9
    clock.forward(61)
    assert ask(own).model == "first"


def test_a_model_whose_last_day_is_over_is_left_out_if_there_is_another(own: Context, models: Models, clock: FixedClock) -> None:
    circuit = circuit_of(own, provider_for(own, "text").links[0])
    assert circuit is not None
    offered = {"first": "2026-11-20", "second": "2026-11-21", "third": None}
    Circuits(own.deps.ops, clock).keep_dates(circuit, offered, ["first"])
    assert ask(own).model == "second"
    clock.forward(24 * 3600)
    assert ask(own).model == "third"
    Circuits(own.deps.ops, clock).keep_dates(circuit, {**offered, "third": "2026-01-01"}, ["first"])
    assert ask(own).model == "third", "the last one is asked all the same"
    assert models.asked == ["second", "third", "third"]


# --- who is in the chain ----------------------------------------------------------------------------------------------------------


def names(context: Context, kind: Any, function: str = "") -> list[str]:
    return [f"{link.named.provider} {link.named.model}".strip() for link in provider_for(context, kind, function).links]


def test_models_by_function(own: Context, ctx: ContextFactory, deps: Deps, models: Models) -> None:
    Settings(own).save("openai", {"model": "m", "models": {"generate_content": "better"}, "fallback_models": ["m", "better"]})
    assert names(own, "text", "generate_content") == ["openai better", "openai m"]
    assert names(own, "text", "generate_ideas") == names(own, "text") == ["openai m", "openai better"]
    other = platform(ctx, deps, models, openai_models="generate_content=terra, auto_cluster=luna", openai_fallback_models="x,y")
    other = replace(other, scope=replace(other.scope, tenant="nokeys01"))
    assert names(other, "text", "generate_content") == ["openai terra", "openai x", "openai y"]
    assert names(other, "text", "generate_ideas")[0] == f"openai {Config().openai_model}"
    assert not provider_of(other, WRITE).own_key and provider_of(own, WRITE).own_key


def test_chains_of_own_keys_never_leave_them(own: Context, deps: Deps, models: Models) -> None:
    config = Config(
        stage="local", ai_provider="openai", openai_api_key="platform", openai_fallback_models="theirs", image_fallbacks="runware=x"
    )
    context = replace(own, deps=replace(own.deps, config=config))
    models.errors = {name: [OUT] for name in ("first", "second", "third")}
    refused(context)
    assert {choice.api_key for choice in models.choices} == {f"sk-{own.tenant}"}
    Settings(context).save(
        "image_generation", {"provider": "openai", "fallbacks": [{"provider": "runware"}, {"provider": "openai", "model": "b"}]}
    )
    assert names(context, "image") == ["openai gpt-image-2", "openai b"], "there is no Runware key of their own"
    Settings(context).save("runware", {"api_key": "rw", "model": "flux"})
    assert names(context, "image") == ["openai gpt-image-2", "runware flux", "openai b"]
    assert provider_for(context, "image").own_key and not provider_for(context, "image").premium


def test_offline_stands_in_for_nobody_and_needs_no_circuit(ctx: ContextFactory, deps: Deps, models: Models) -> None:
    offline = ctx(deps=replace(deps, text=models))
    assert names(offline, "text") == names(offline, "image") == names(offline, "embedding") == ["offline"]
    models.errors = {"": [OUT] * 9}
    for _ in range(5):
        assert refused(offline) is OUT
    assert circuit_of(offline, provider_for(offline, "text").links[0]) is None
    for kind in ("text", "image", "embedding"):
        assert all("offline" not in name for name in names(platform(ctx, deps, models, image_fallbacks="runware=a"), kind))


def test_settings_of_a_deployment_that_cannot_be_read_are_named(ctx: ContextFactory, deps: Deps, models: Models) -> None:
    for variable in ("openai_models", "image_fallbacks"):
        with pytest.raises(ValueError, match=variable.upper()):
            for kind in ("text", "image"):
                provider_for(platform(ctx, deps, models, **{variable: "nonsense"}), kind)  # type: ignore[arg-type]


# --- what it costs ----------------------------------------------------------------------------------------------------------------


def test_a_premium_image_has_its_price_and_is_stood_in_for_by_its_like(ctx: ContextFactory, deps: Deps, models: Models) -> None:
    context = platform(
        ctx, deps, models, premium_image_models="grand, gpt-image-2-hd", image_fallbacks="runware=flux,openai=gpt-image-2-hd"
    )
    assert (price_for(context, "image").credits, names(context, "image")) == (4, ["openai gpt-image-2", "runware flux"])
    Settings(context).save("image_generation", {"model": "grand"})
    assert (price_for(context, "image").credits, names(context, "image")) == (10, ["openai grand", "openai gpt-image-2-hd"])
    assert price_for(context, "content").charge(1000) == 10, "text is not premium"
    for wrong in ({"model": "unheard-of"}, {"fallbacks": [{"provider": "openai"}]}):
        with pytest.raises(ValidationFailed):
            Settings(context).save("image_generation", wrong)
    withdrawn = replace(context, deps=replace(context.deps, config=replace(context.deps.config, premium_image_models="")))
    assert (price_for(withdrawn, "image").credits, names(withdrawn, "image")[0]) == (4, "openai gpt-image-2")
    Settings(context).save("openai", {"api_key": "sk-own"})
    Settings(context).save("image_generation", {"provider": "openai", "model": "grand"})
    assert price_for(context, "image").charge(3) == 0


# --- how often settings and keys are read -----------------------------------------------------------------------------------------


class CountingSecrets(ReversibleSecrets):
    def __init__(self) -> None:
        self.opened = 0

    def unseal(self, sealed: str, context: dict[str, str]) -> str:
        self.opened += 1
        return super().unseal(sealed, context)


def test_one_piece_of_work_reads_settings_and_opens_a_key_once(own: Context, models: Models) -> None:
    secrets = CountingSecrets()
    counted = replace(own, deps=replace(own.deps, secrets=secrets)).remembering()
    for _ in range(3):
        assert text_model(counted, WRITE).complete(REQUEST).model == "first"
        assert provider_of(counted, WRITE).own_key
    Settings(own).save("openai", {"model": "changed"})
    assert secrets.opened == 1 and names(counted, "text")[0] == "openai first"
    assert names(own, "text")[0] == "openai changed", "without remembering, the settings are those of now"


def test_vectors_go_through_the_circuit_too(ctx: ContextFactory, deps: Deps, models: Models) -> None:
    class Out:
        provider, model, threshold = "openai", "e", 0.5
        asked = 0

        def embed(self, texts: Any) -> Any:
            self.asked += 1
            raise OUT

    out = Out()
    context = platform(ctx, deps, models)
    context = replace(context, deps=replace(context.deps, embedder=lambda choice: out))
    errors = []
    for _ in range(5):
        with pytest.raises(UpstreamUnavailable) as caught:
            embedder(context)(["a"])
        errors.append(caught.value.extra.get("reason"))
    assert (out.asked, errors) == (3, [None, None, "circuit_open", "circuit_open", "circuit_open"])


def test_a_missing_platform_key_is_a_setting_and_no_outage(ctx: ContextFactory, deps: Deps) -> None:
    def none(choice: ProviderChoice) -> TextModel:
        raise ValidationFailed.field("openai", "there is no API key.")

    factory: Callable[[ProviderChoice], TextModel] = none
    with pytest.raises(ValidationFailed):
        ask(platform(ctx, deps, factory))

"""Who does which AI work for an account at present, whether they answer, and which of the chosen models end, as their servers say."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from chalicelib.core.context import Context
from chalicelib.core.errors import AppError, ValidationFailed
from chalicelib.core.observability import logger
from chalicelib.core.table import Key
from chalicelib.ports import ModelList
from chalicelib.system.circuits import DATES_MS, Circuit, Circuits, Outage, State, moment
from chalicelib.system.prompts import PROMPT_TYPES
from chalicelib.system.provider_choice import Link, Provider, circuit_of, provider_for

LIST_SECONDS = 5.0
EMBEDDINGS = "embeddings"


def works(ctx: Context) -> Iterator[tuple[str, Provider]]:
    """Each AI function, and the embeddings that clustering needs, with who does it."""
    for function in PROMPT_TYPES:
        yield function, provider_for(ctx, "image" if function == "generate_images" else "text", function)
    yield EMBEDDINGS, provider_for(ctx, "embedding")


def status(ctx: Context) -> list[dict[str, Any]]:
    """A row for each AI function: {function, provider, model, own_key, premium, fallbacks, state, until, message, warnings}."""
    ctx = ctx.remembering()
    look_up_dates(ctx)
    circuits = Circuits(ctx.deps.ops, ctx.deps.clock)
    return [_row(ctx, circuits, function, provider) for function, provider in works(ctx)]


def _row(ctx: Context, circuits: Circuits, function: str, provider: Provider) -> dict[str, Any]:
    first, *others = provider.links
    circuit = circuit_of(ctx, first)
    state = circuits.state(circuit) if circuit else State()
    standing, outage = (state.standing(circuit, circuits.now()), state.outage(circuit)) if circuit else ("closed", Outage())
    until = {"open": outage.blocked_until, "refused": state.refused_until}.get(standing, 0)
    message = f"{circuit.name} has not answered since {moment(outage.since)}." if circuit and standing in ("open", "half_open") else ""
    return {
        "function": function,
        "provider": first.named.provider,
        "model": first.named.model,
        "own_key": provider.own_key,
        "premium": provider.premium,
        "fallbacks": [{"provider": link.named.provider, "model": link.named.model} for link in others],
        "state": standing,
        "until": moment(until) if until else None,
        "message": state.why if standing == "refused" else message,
        "warnings": [warning for link in provider.links for warning in _warnings(ctx, circuits, link)],
    }


def warnings_of(ctx: Context) -> list[str]:
    """What is to be said of the models the account uses, each once."""
    circuits = Circuits(ctx.deps.ops, ctx.deps.clock)
    return list(dict.fromkeys(w for _, provider in works(ctx) for link in provider.links for w in _warnings(ctx, circuits, link)))


def _warnings(ctx: Context, circuits: Circuits, link: Link) -> list[str]:
    circuit, model = circuit_of(ctx, link), link.named.model
    if circuit is None or link.named.provider != "openai":
        return []
    state = circuits.state(circuit)
    if ends := state.dates.get(model):
        over = date.fromisoformat(ends) <= ctx.deps.clock.now().date()
        return [f"{circuit.server} {'has ended' if over else 'ends'} the model {model} on {ends}."]
    return [f"{circuit.server} does not list the model {model}."] if model in state.unlisted else []


def look_up_dates(ctx: Context, *, fresh: bool = False) -> None:
    """Have the servers say which of their models end, unless they were asked within a day. fresh: ask the account's own all the same.

    A server that cannot say so (many that imitate OpenAI cannot) is asked again the next day; what it said before still counts.
    """
    circuits = Circuits(ctx.deps.ops, ctx.deps.clock)
    chosen: dict[Key, tuple[Circuit, Link, set[str]]] = {}
    for _, provider in works(ctx):
        for link in provider.links:
            if link.named.provider == "openai" and (circuit := circuit_of(ctx, link)):
                chosen.setdefault(circuit.key, (circuit, link, set()))[2].add(link.named.model)
    for circuit, link, models in chosen.values():
        state = circuits.state(circuit)
        if circuits.now() - state.dates_at < DATES_MS and not (fresh and link.own):
            continue
        try:
            model = ctx.deps.text(link.choice)
            if isinstance(model, ModelList):
                circuits.keep_dates(circuit, model.offered(LIST_SECONDS), models)
        except ValidationFailed:  # the platform has no key: there is nobody to ask
            continue
        except AppError as error:
            logger().info("models not listed", extra={"server": circuit.server, "detail": error.message})
            circuits.keep_dates(circuit, dict(state.dates), models & state.dates.keys())

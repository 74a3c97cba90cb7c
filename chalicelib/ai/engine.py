"""The engine every AI function runs in: price, reserve, ask, validate, repair once, save together with the charge, or release.

The objects and the charge are written in one transaction, so a call is either saved and paid or neither, whatever dies when. The
operation's key (`op`) makes it happen once: asked again, a finished operation answers with its stored result.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from chalicelib.ai.answers import problems
from chalicelib.ai.function import AIFunction, Embed, Loaded, Options, Provenance, Skip
from chalicelib.ai.prompts import SYSTEM, prompt_for
from chalicelib.billing.credits import Ledger
from chalicelib.billing.holds import Hold
from chalicelib.billing.prices import price_of
from chalicelib.core.context import Context
from chalicelib.core.errors import InvalidAnswer, Stale
from chalicelib.core.observability import count, logger
from chalicelib.ports import Repair, TextAnswer, TextRequest
from chalicelib.system.settings import provider_for

REPAIRS = 1
SAVE_TRIES = 4
Report = Callable[[str, int], None]  # phase, percentage


@dataclass(frozen=True)
class Done:
    """What one item came to. credits: charged by this operation (also when it was done before); skipped: the reason, if it was."""

    result: dict[str, Any] = field(default_factory=dict)
    credits: int = 0
    skipped: str | None = None


def _silent(phase: str, percentage: int) -> None:
    return None


def run(ctx: Context, function: AIFunction, item: str, *, op: str, options: Options | None = None, report: Report = _silent) -> Done:
    """Do the function's work for one item. op: the operation's key, the same for every try of the same work.

    Raises: OutOfCredits, UpstreamUnavailable, UpstreamRejected, InvalidAnswer, NotFound, Stale, TableBusy; nothing is charged then
    but what was saved in parts before the failure, which stays.
    """
    options = options or Options()
    ledger = Ledger(ctx.deps.table, ctx.tenant, ctx.deps.clock)
    report("INIT", 0)
    op, before = _open_operation(ledger, op)
    if before is not None and before.state == "settled":
        return Done(before.result, before.used)
    report("PREP", 10)
    embed = _embedder(ctx)
    try:
        loaded = function.load(ctx, item, options, embed)
    except Skip as skip:
        if before is not None:
            ledger.void(op, f"skipped: {skip.reason}")
        return Done(skipped=skip.reason)
    provider = provider_for(ctx, "image" if function.schema is None else "text")
    rule = price_of(function.operation, own_key=provider.own_key)
    details = {
        "operation_type": function.operation,
        "function": function.name,
        "run_id": options.run_id,
        "site_id": loaded.site_id,
        "object_ids": [item],
    }
    hold = ledger.reserve(op, rule.charge(loaded.units), fingerprint=f"{function.name}:{item}", details=details, price=rule)
    if hold.state == "settled":
        return Done(hold.result, hold.used)
    try:
        report("AI_CALL", 30)
        answer, provenance = _ask(ctx, function, loaded, replace(options, extra={**options.extra, "op": op}), report)
        report("SAVE", 80)
        result = _save(ctx, function, item, op, options, ledger, loaded, answer, provenance, embed, own_key=provider.own_key)
    except Skip as skip:
        ledger.void(op, f"skipped: {skip.reason}")
        return Done(skipped=skip.reason)
    except Exception as error:
        ledger.void(op, f"{type(error).__name__}: {error}"[:500])
        count("AIFailures", Function=function.name)
        raise
    used = ledger.get(op).used
    report("DONE", 100)
    count("CreditsCharged", used, Function=function.name)
    return Done(result, used)


def _open_operation(ledger: Ledger, op: str) -> tuple[str, Hold | None]:
    """The operation's key and hold. One that ended with only some of its parts saved is paid for; the rest is a further operation."""
    for attempt in range(2, 100):
        hold = ledger.find(op)
        if hold is None or not hold.partial:
            return op, hold
        op = f"{op.split('~')[0]}~{attempt}"
    raise Stale()


def _save(
    ctx: Context,
    function: AIFunction,
    item: str,
    op: str,
    options: Options,
    ledger: Ledger,
    loaded: Loaded,
    answer: Any,
    provenance: Provenance,
    embed: Embed,
    *,
    own_key: bool,
) -> dict[str, Any]:
    """Apply the answer and charge. When somebody else wrote between, the answer stands and is applied to what is there now."""
    for left in reversed(range(SAVE_TRIES)):
        try:
            outcome = function.apply(ctx, loaded, answer, provenance)
            for part in outcome.parts:
                ledger.part(op, part.name, part.writes, part.units)
            usage = {**provenance.as_json(), "generated_by": provenance.provider, "own_key": own_key}
            return ledger.commit(op, None, outcome.writes, result=outcome.result, usage=usage, units=outcome.units)
        except Stale:
            if not left:
                raise
            loaded = function.load(ctx, item, options, embed)
    raise Stale()


def _embedder(ctx: Context) -> Embed:
    def embed(texts: Any) -> tuple[Any, float]:
        model = ctx.deps.embedder(provider_for(ctx, "embedding").choice)
        return model.embed(texts), model.threshold

    return embed


def _ask(ctx: Context, function: AIFunction, loaded: Loaded, options: Options, report: Report) -> tuple[Any, Provenance]:
    started = time.monotonic()
    if function.schema is None:
        assert loaded.image is not None, function.name
        drawn = ctx.deps.image(provider_for(ctx, "image").choice).draw(loaded.image)
        took = round((time.monotonic() - started) * 1000)
        return drawn, Provenance(
            function.name,
            drawn.provider,
            drawn.model,
            cost_usd=drawn.cost_usd,
            duration_ms=took,
            run_id=options.run_id,
            op=str(options.extra.get("op", "")),
        )
    model = ctx.deps.text(provider_for(ctx, "text").choice)
    prompt, prompt_id, version = prompt_for(ctx, function.name, loaded.facts)
    request = TextRequest(function.name, SYSTEM, prompt, function.schema, loaded.facts)
    answers: list[TextAnswer] = []
    for attempt in range(REPAIRS + 1):
        try:
            reply = model.complete(request)
        except InvalidAnswer as error:  # refused, cut off or no JSON: the adapter may hand over what came
            text, found = str(error.extra.get("answer", "")), [error.message]
        else:
            answers.append(reply)
            text = reply.text
            report("PARSE", 60 + 10 * attempt)
            parsed, found = _parsed(function.schema, text, loaded.facts, check_language=model.provider != "offline")
            if parsed is not None and not found:
                return parsed, _provenance(function, answers, prompt_id, version, started, attempt > 0, options)
        if attempt < REPAIRS:
            logger().info("asking for a repair", extra={"ai_function": function.name, "problems": found[:5]})
            request = replace(request, repair=Repair(text[:20_000], found[:20]))
    raise InvalidAnswer(f"The model's answer for this {function.item} could not be used: {'; '.join(found)[:600]}")


def _parsed(schema: type[BaseModel], text: str, facts: dict[str, Any], *, check_language: bool) -> tuple[BaseModel | None, list[str]]:
    try:
        answer = schema.model_validate_json(text)
    except ValidationError as error:
        return None, [
            f"{'.'.join(map(str, e['loc'])) or 'answer'}: {e['msg']}" for e in error.errors(include_url=False, include_input=False)[:20]
        ]
    return answer, problems(answer, facts, check_language=check_language)


def _provenance(
    function: AIFunction, answers: list[TextAnswer], prompt_id: str, version: str, started: float, repaired: bool, options: Options
) -> Provenance:
    def total(values: list[Any]) -> Any:
        return None if any(v is None for v in values) else sum(values)

    return Provenance(
        function.name,
        answers[-1].provider,
        answers[-1].model,
        prompt_id,
        version,
        total([a.tokens_in for a in answers]),
        total([a.tokens_out for a in answers]),
        total([a.cost_usd for a in answers]),
        round((time.monotonic() - started) * 1000),
        repaired,
        options.run_id,
        str(options.extra.get("op", "")),
    )

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
from chalicelib.ai.operations import ledger_of, present
from chalicelib.ai.prompts import SYSTEM, prompt_for
from chalicelib.billing.credits import Ledger
from chalicelib.billing.holds import Hold, HoldClosed
from chalicelib.billing.plans import check, plan_of
from chalicelib.billing.prices import Price, price_of
from chalicelib.core.context import Context
from chalicelib.core.errors import InvalidAnswer, Stale
from chalicelib.core.observability import count, logger
from chalicelib.ports import Repair, TextAnswer, TextModel, TextRequest
from chalicelib.system.settings import provider_for

REPAIRS = 1
SAVE_TRIES = 4
RESERVE_TRIES = 4
LEAST_CALL_SECONDS, LONGEST_CALL_SECONDS, TOKENS_PER_SECOND = 120.0, 400.0, 70
Report = Callable[[str, int], None]  # phase, percentage


@dataclass(frozen=True)
class Done:
    """What one item came to. credits: charged for it, all tries together; skipped: the reason, if it was."""

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
    options, ledger = options or Options(), ledger_of(ctx)
    report("INIT", 0)
    key, before, paid = present(ledger, op)
    if before is not None and before.state == "settled":
        return Done(before.result, paid + before.used)
    report("PREP", 10)
    embed = _embedder(ctx)
    try:
        loaded = function.load(ctx, item, options, embed)
    except Skip as skip:
        if before is not None:
            paid += ledger.void(key, f"skipped: {skip.reason}").used
        # nothing is left to do after a try that had saved a part: then this is the work's end, not a skip
        return Done({}, paid, None if paid else skip.reason)
    own_key = provider_for(ctx, "image" if function.schema is None else "text").own_key
    plan = plan_of(ctx)
    check(ctx, plan, ai_requests=1)
    rule = price_of(function.operation, plan.price_overrides, own_key=own_key)
    hold = _reserve(ledger, function, item, key, loaded, options, rule)
    if hold.state == "settled":
        return Done(hold.result, paid + hold.used)
    if hold.op != key:
        key, _, paid = present(ledger, op)
    try:
        report("AI_CALL", 30)
        answer, provenance = _ask(ctx, function, loaded, replace(options, extra={**options.extra, "op": key}), report)
        report("SAVE", 80)
        result = _save(ctx, function, item, key, options, ledger, loaded, answer, provenance, embed, own_key=own_key)
    except Skip as skip:
        ledger.void(key, f"skipped: {skip.reason}")
        return Done({}, paid, skip.reason)
    except Exception as error:
        ledger.void(key, f"{type(error).__name__}: {error}"[:500])
        count("AIFailures", Function=function.name)
        raise
    used = ledger.get(key).used
    report("DONE", 100)
    count("CreditsCharged", used, Function=function.name)
    return Done(result, paid + used)


def _reserve(ledger: Ledger, function: AIFunction, item: str, key: str, loaded: Loaded, options: Options, rule: Price) -> Hold:
    """Reserve what the work may cost. An open hold of an earlier delivery may be too small by now (the work has grown since): it ends,
    and if that try had saved parts, the work goes on under the next key."""
    needed, base = rule.charge(loaded.units), key.partition("~")[0]
    details = {
        "operation_type": function.operation,
        "function": function.name,
        "run_id": options.run_id,
        "site_id": loaded.site_id,
        "object_ids": [item],
    }
    for _ in range(RESERVE_TRIES):
        hold = ledger.reserve(key, needed, fingerprint=f"{function.name}:{item}", details=details, price=rule)
        if hold.state == "settled" and not hold.partial:
            return hold
        if hold.state == "held" and rule.charge(hold.units + loaded.units) <= hold.amount:
            return hold
        if hold.state == "held":
            ledger.void(key, "the work has grown since")
        key = present(ledger, base)[0]
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
    """Apply the answer and charge. When somebody else wrote between, the answer stands and is applied to what is there now; but an
    answer that is saved in parts belongs to the very facts it was asked with, so that work begins anew."""
    for left in reversed(range(SAVE_TRIES)):
        outcome = None
        try:
            outcome = function.apply(ctx, loaded, answer, provenance)
            for part in outcome.parts:
                ledger.part(op, part.name, part.writes, part.units)
            usage = {**provenance.as_json(), "generated_by": provenance.provider, "own_key": own_key}
            return ledger.commit(op, None, outcome.writes, result=outcome.result, usage=usage, units=outcome.units)
        except HoldClosed:
            raise Stale("The reservation ended while the answer was being saved.") from None
        except Stale:
            if not left or (outcome is not None and outcome.parts):
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
    if not loaded.ask:
        choice = provider_for(ctx, "embedding").choice
        return None, Provenance(function.name, choice.provider, choice.model, run_id=options.run_id, op=str(options.extra.get("op", "")))
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
    answers: list[Any] = []
    replies: list[TextAnswer] = []
    repaired = False
    while (facts := function.question(loaded.facts, answers)) is not None:
        prompt, prompt_id, version = prompt_for(ctx, function.name, facts)
        tokens = function.output_tokens(facts)
        request = TextRequest(
            function.name, SYSTEM, prompt, function.schema, facts, max_output_tokens=tokens, timeout_seconds=_seconds(tokens)
        )
        answer, came, again = _answered(function, model, request, function.schema, report)
        answers.append(answer)
        replies += came
        repaired = repaired or again
    return function.joined(answers), _provenance(function, replies, prompt_id, version, started, repaired, options)


def _seconds(tokens: int) -> float:
    """How long a call for so many tokens may take: what a slow model needs, as long as two calls fit into a worker's 15 minutes."""
    return min(LONGEST_CALL_SECONDS, max(LEAST_CALL_SECONDS, tokens / TOKENS_PER_SECOND))


def _answered(
    function: AIFunction, model: TextModel, request: TextRequest, schema: type[BaseModel], report: Report
) -> tuple[BaseModel, list[TextAnswer], bool]:
    """The valid answer to one question, the replies it took, and whether it was repaired. Raises: InvalidAnswer."""
    replies: list[TextAnswer] = []
    for attempt in range(REPAIRS + 1):
        try:
            reply = model.complete(request)
        except InvalidAnswer as error:  # refused, cut off or no JSON: the adapter may hand over what came
            text, found = str(error.extra.get("answer", "")), [error.message]
        else:
            replies.append(reply)
            text = reply.text
            report("PARSE", 60 + 10 * attempt)
            parsed, found = _parsed(schema, text, request.facts, check_language=model.provider != "offline")
            if parsed is not None and not found:
                return parsed, replies, attempt > 0
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

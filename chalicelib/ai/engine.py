"""The engine every AI function runs in: price, reserve, ask, validate, repair once, save together with the charge, or release.

The objects and the charge are written in one transaction, so a call is either saved and paid or neither, whatever dies when. The
operation's key (`op`) makes it happen once: asked again, a finished operation answers with its stored result.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.ai import archive
from chalicelib.ai.asking import ask
from chalicelib.ai.caps import caps_of, envelope_of
from chalicelib.ai.conversation import Conversation
from chalicelib.ai.function import AIFunction, Embed, Loaded, Options, Report, Skip
from chalicelib.ai.operations import present
from chalicelib.ai.providers import embedder, provider_of
from chalicelib.ai.spending import log_failure, usage_of
from chalicelib.billing.caps import Cap
from chalicelib.billing.credits import Ledger, ledger_of
from chalicelib.billing.holds import Hold, HoldClosed
from chalicelib.billing.plans import check, plan_of
from chalicelib.billing.prices import Price, price_of
from chalicelib.core.context import Context
from chalicelib.core.errors import Duplicate, Stale
from chalicelib.core.observability import count
from chalicelib.system.origin import Origin

SAVE_TRIES = 4
RESERVE_TRIES = 4


@dataclass(frozen=True)
class Done:
    """What one item came to. credits: charged for it, all tries together; skipped: the reason, if it was."""

    result: dict[str, Any] = field(default_factory=dict)
    credits: int = 0
    skipped: str | None = None


def _silent(phase: str, percentage: int, message: str = "") -> None:
    return None


def run(ctx: Context, function: AIFunction, item: str, *, op: str, options: Options | None = None, report: Report = _silent) -> Done:
    """Do the function's work for one item. op: the operation's key, the same for every try of the same work.

    Raises: OutOfCredits, UpstreamUnavailable, UpstreamRejected, InvalidAnswer, NotFound, Stale, TableBusy; nothing is charged then
    but what was saved in parts before the failure, which stays.
    """
    ctx, options = ctx.remembering(), options or Options()
    ledger = ledger_of(ctx)
    report("INIT", 0)
    key, before, paid = present(ledger, op)
    if before is not None and before.state == "settled":
        return Done(before.result, paid + before.used)
    if paid or (before is not None and before.parts):
        options = replace(options, resumed=True)
    report("PREP", 10)
    embed = embedder(ctx)
    try:
        loaded = function.load(ctx, item, options, embed)
    except Skip as skip:
        if before is not None:
            paid += ledger.void(key, f"skipped: {skip.reason}").used
        # nothing is left to do after a try that had saved a part: then this is the work's end, not a skip
        return Done({}, paid, None if paid else skip.reason)
    provider = provider_of(ctx, function)
    owned = provider.own_key
    plan = plan_of(ctx)
    check(ctx, plan, ai_requests=1)
    rule = price_of(function.operation, plan.price_overrides, own_key=owned, premium=provider.premium)
    hold = _reserve(ledger, function, item, key, loaded, options, rule, caps_of(ctx, loaded.site_id, options))
    if hold.state == "settled":
        return Done(hold.result, paid + hold.used)
    if hold.op != key:
        key, _, paid = present(ledger, op)
    talk = Conversation(function.name, item, key, options.run_id, loaded.site_id)
    try:
        report("AI_CALL", 30)
        answer, provenance = _asked(ctx, function, loaded, replace(options, extra={**options.extra, "op": key}), report, talk)
        report("SAVE", 80)
        usage = usage_of(ledger, hold, talk, provenance, own_key=owned)
        result = _save(ctx, function, item, key, options, ledger, loaded, answer, provenance, embed, usage)
    except Skip as skip:
        log_failure(ledger, ledger.void(key, f"skipped: {skip.reason}"), talk, skip.reason, own_key=owned)
        return Done({}, paid, skip.reason)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"[:500]
        log_failure(ledger, ledger.void(key, reason), talk, reason, own_key=owned)
        count("AIFailures", Function=function.name)
        raise
    used = ledger.get(key).used
    report("DONE", 100)
    count("CreditsCharged", used, Function=function.name)
    return Done(result, paid + used)


def _asked(ctx: Context, function: AIFunction, loaded: Loaded, options: Options, report: Report, talk: Conversation) -> tuple[Any, Origin]:
    """The answer and where it comes from; what was said is kept for an audit, whatever became of it."""
    try:
        answer, provenance = ask(ctx, function, loaded, options, report, talk)
    except Exception as error:
        archive.keep(ctx, talk, error=f"{type(error).__name__}: {error}"[:1000])
        raise
    return answer, provenance.model_copy(update={"call": archive.keep(ctx, talk)})


def _reserve(
    ledger: Ledger, function: AIFunction, item: str, key: str, loaded: Loaded, options: Options, rule: Price, caps: Sequence[Cap]
) -> Hold:
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
        hold = ledger.reserve(
            key,
            needed,
            fingerprint=f"{function.name}:{item}",
            details=details,
            price=rule,
            caps=caps,
            within=envelope_of(options.run_id),
        )
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
    provenance: Origin,
    embed: Embed,
    usage: dict[str, Any],
) -> dict[str, Any]:
    """Apply the answer and charge. When somebody else wrote between, the answer stands and is applied to what is there now; but an
    answer that is saved in parts belongs to the very facts it was asked with, so that work begins anew."""
    for left in reversed(range(SAVE_TRIES)):
        outcome = None
        try:
            outcome = function.apply(ctx, loaded, answer, provenance)
            for part in outcome.parts:
                ledger.part(op, part.name, part.writes, part.units)
            result = ledger.commit(op, None, outcome.writes, result=outcome.result, usage=usage, units=outcome.units)
            if outcome.saved:
                outcome.saved()
            return result
        except HoldClosed:
            raise Stale("The reservation ended while the answer was being saved.") from None
        except (Stale, Duplicate):  # it was changed, or made, by somebody who works on the same: a run and a person, say
            if not left or (outcome is not None and outcome.parts):
                raise
            loaded = function.load(ctx, item, options, embed)
    raise Stale()

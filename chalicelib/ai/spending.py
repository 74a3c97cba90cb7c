"""What AI work took of the provider's money, also when it came to nothing: the usage log tells the agency the truth.

Work that is saved is charged and logged in one transaction by the engine. A try that fails is charged nothing; what the provider took for
it all the same becomes a usage row of its own with 0 credits, `outcome: failed`, under the operation's key and the number of the try.
"""

from typing import Any

from chalicelib.ai.conversation import Conversation
from chalicelib.billing.credits import Ledger
from chalicelib.billing.holds import Hold
from chalicelib.core.errors import AppError
from chalicelib.core.observability import count, logger
from chalicelib.system.origin import Origin


def failed_name(hold: Hold) -> str:
    """The operation under which a failed try of another operation is logged."""
    return f"{hold.op}:failed-{hold.attempt}"


def log_failure(ledger: Ledger, ended: Hold, talk: Conversation, reason: str, *, own_key: bool) -> None:
    """Write the usage row of a try that failed, if it took anything. ended: its hold, voided. The failure itself is what the caller
    raises next, so trouble with this row is logged and counted."""
    if talk.was_free():
        return
    last = talk.replies(kept=False)[-1]
    usage = {**talk.took(kept=False), "provider": last.provider, "model": last.model, "own_key": own_key}
    details = {**{k: v for k, v in ended.details.items() if k != "description"}, "outcome": "failed", "reason": reason[:300]}
    try:
        name = failed_name(ended)
        ledger.reserve(name, 0, details=details, fingerprint=ended.fingerprint)
        ledger.commit(name, 0, result={"outcome": "failed"}, usage=usage)
    except AppError as error:
        logger().error("the cost of failed work is not logged", extra={"op": ended.op, "error": type(error).__name__})
        count("FailedCostsNotLogged", Function=talk.function)


def usage_of(ledger: Ledger, hold: Hold, talk: Conversation, provenance: Origin, *, own_key: bool) -> dict[str, Any]:
    """The measured facts of the usage row of work that is saved. What an earlier try was answered, and logged as failed, is not
    counted once more."""
    facts = {**provenance.as_json(), "generated_by": provenance.provider, "own_key": own_key}
    before = Hold(hold.op, "voided", 0, attempt=hold.attempt - 1)
    if any(q.kept for q in talk.questions) and hold.attempt > 1 and ledger.find(failed_name(before)) is not None:
        facts |= talk.took(kept=False)
    return facts

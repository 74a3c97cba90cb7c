"""The first answer cannot be used, the second can: saved once, charged once, and the tokens of both are in the usage log."""

from collections.abc import Callable

import pytest

from chalicelib.core.errors import InvalidAnswer
from tests.ai.faults.bench import Bench
from tests.ai.faults.catalogue import Case
from tests.ai.faults.row import Row
from tests.ai.faults.spoilt import ANSWERS
from tests.ai.faults.wire import CHAT
from tests.ai.faults.works import CLUSTER, CONTENT, IDEAS, PROMPTS, TEXT, Work

OF_EACH = ("refusal", "finish_reason length", "unknown field")  # the adapter notices these
OF_ONE = {  # and the engine these
    CLUSTER: ("invented cluster", "double cluster"),
    IDEAS: ("invented keyword", "missing keyword"),
    CONTENT: ("invented keyword", "unsafe HTML", "empty HTML", "wrong language"),
    PROMPTS: ("invented heading",),
}
CASES = [(work, case) for work in TEXT for case in ANSWERS if work in case.works and case.name in (*OF_EACH, *OF_ONE[work])]


@pytest.mark.parametrize(("work", "case"), CASES, ids=[f"{work.name}: {case.name}" for work, case in CASES])
def test_a_repair(bench: Bench, line: Callable[[Row], None], work: Work, case: Case) -> None:
    item = work.setup(bench.made)
    bench.wire.then(CHAT, case.fault)
    done = bench.run(work.function, item)
    calls = bench.wire.calls(CHAT)
    assert done.credits == work.credits and calls >= 2
    bench.charged_once(work, item, 100)
    assert bench.wire.calls(CHAT) == calls
    bench.wire.heal()
    usage = bench.hold(work.function, item).details
    assert (usage["tokens_in"], usage["tokens_out"]) == tuple(map(sum, zip(*bench.wire.counted, strict=True)))
    assert usage["repaired"] is True and usage["model"] == "gpt-6-luna"
    outcome = f"repaired; {usage['tokens_in']} + {usage['tokens_out']} tokens in the log"
    line(Row(f"{case.name}, then good", work.name, outcome, calls, f"100 -> {bench.credits}, 0 held", work.state(bench.made)))


@pytest.mark.parametrize("name", OF_EACH)
def test_what_a_failure_took_is_in_the_usage_log(bench: Bench, line: Callable[[Row], None], name: str) -> None:
    """The customer pays nothing; the agency sees what the provider counted."""
    item = IDEAS.setup(bench.made)
    bench.wire.always(CHAT, next(case.fault for case in ANSWERS if case.name == name))
    assert isinstance(bench.fails(IDEAS, item), InvalidAnswer)
    hold = bench.hold("generate_ideas", item)
    logged = bench.ledger.get(f"{hold.op}:failed-{hold.attempt}")
    assert (hold.state, hold.used, logged.state, logged.used) == ("voided", 0, "settled", 0)
    tokens = tuple(map(sum, zip(*bench.wire.counted, strict=True)))
    assert (logged.details["tokens_in"], logged.details["tokens_out"]) == tokens and logged.details["outcome"] == "failed"
    outcome = f"failed; {tokens[0]} + {tokens[1]} tokens in the log, 0 credits"
    line(Row(f"{name}, twice", "usage log", outcome, bench.wire.calls(CHAT), f"100 -> {bench.credits}, 0 held", IDEAS.state(bench.made)))

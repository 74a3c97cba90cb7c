"""The engine on fakes: what is charged, repaired, released and done once, whatever fails when."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chalicelib.ai.answers import ClusterNames
from chalicelib.ai.engine import Done, run
from chalicelib.ai.function import AIFunction, Loaded, Outcome, Part, Skip
from chalicelib.ai.operations import holds, present, release
from chalicelib.billing.audit import audit_account
from chalicelib.billing.credits import Ledger
from chalicelib.billing.prices import price_of
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import Duplicate, InvalidAnswer, OutOfCredits, Stale, UpstreamRejected, UpstreamUnavailable
from chalicelib.core.table import Write, put, put_new
from chalicelib.system.origin import Origin
from tests.conftest import ContextFactory
from tests.fakes import ScriptedText


@dataclass
class Toy:
    """A function that stores each word of the answer; `stops` are raised by `apply`, one a call. units: what load asks for."""

    ctx: Context
    units: int = 3
    parts: bool = False
    skip: str = ""
    ask: bool = True
    stops: list[Exception] = field(default_factory=list)
    part_stops: list[Callable[[], Exception]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    loads: int = 0
    provenance: list[Origin] = field(default_factory=list)

    def function(self) -> AIFunction:
        return AIFunction("auto_cluster", "idea", "sector", ClusterNames, self.load, self.apply)  # an idea costs 2

    def load(self, ctx: Context, item: str, options: Any, embed: Any) -> Loaded:
        self.loads += 1
        if self.skip:
            raise Skip(self.skip)
        clusters = [{"key": key, "keywords": []} for key in self.keys]
        return Loaded({"clusters": clusters, "taken_names": [], "language": "en"}, {"load": self.loads}, self.units, "site01", ask=self.ask)

    def apply(self, ctx: Context, loaded: Loaded, answer: Any, provenance: Origin) -> Outcome:
        self.provenance.append(provenance)
        if self.stops:
            raise self.stops.pop(0)
        words = [c.key for c in answer.clusters] if answer else ["nobody asked"]
        if not self.parts:
            return Outcome([self.word(w) for w in words], len(words), {"words": words})
        left = [w for w in words if self.ctx.deps.table.get((f"{self.ctx.tenant}#toy", w)) is None]
        return Outcome([], 0, {"words": left}, [Part(w, [self.word(w)], 1) for w in left])

    def word(self, word: str) -> Write:
        if self.part_stops and word != "a":
            error = self.part_stops.pop(0)()
            return put((f"{self.ctx.tenant}#toy", word), {}, "attribute_exists(pk)", on_fail=lambda old: error)
        return put_new((f"{self.ctx.tenant}#toy", word), {"word": word})


@dataclass
class Bench:
    ctx: Context
    model: ScriptedText
    toy: Toy
    ledger: Ledger

    def run(self, *answers: Any, op: str = "op") -> Done:
        self.model.answers = list(answers)
        self.toy.keys = [c["key"] for a in answers if isinstance(a, dict) for c in a["clusters"]] or ["a"]
        return run(self.ctx, self.toy.function(), "item", op=op)

    def sound(self, left: int) -> None:
        assert audit_account(self.ctx.deps.table, self.ctx.tenant, at_rest=True) == []
        balance = self.ledger.balance()
        assert (balance.available, balance.reserved) == (left, 0)


@pytest.fixture
def bench(ctx: ContextFactory, deps: Deps) -> Bench:
    model = ScriptedText()
    context = ctx(deps=replace(deps, text=lambda choice: model))
    ledger = Ledger(deps.table, context.tenant, deps.clock, sleep=lambda seconds: None)
    ledger.open()
    ledger.grant("first", 100)
    return Bench(context, model, Toy(context), ledger)


def words(*found: str) -> dict[str, Any]:
    """An answer that makes the toy store these words."""
    return {"clusters": [{"key": w, "name": f"Name {w}", "description": "What the searchers of it want to know."} for w in found]}


def test_what_was_saved_is_charged(bench: Bench) -> None:
    done = bench.run(words("a", "b"))
    assert done == Done({"words": ["a", "b"]}, 4) and bench.ledger.get("op").amount == 6
    bench.sound(96)
    seen = bench.toy.provenance[0]
    assert (seen.provider, seen.model, seen.tokens_in, seen.tokens_out, seen.repaired, seen.op) == (
        "scripted",
        "scripted-1",
        100,
        200,
        False,
        "op",
    )


def test_asked_again_a_finished_operation_answers_its_result(bench: Bench) -> None:
    first = bench.run(words("a", "b"))
    assert bench.run() == first and len(bench.model.asked) == 1 and bench.toy.loads == 1
    bench.sound(96)


@pytest.mark.parametrize("bad", ["not json", '{"words": 3}', InvalidAnswer("It refused.", answer="No.")])
def test_one_repair_with_what_was_wrong(bench: Bench, bad: Any) -> None:
    assert bench.run(bad, words("a")).credits == 2
    repair = bench.model.asked[1].repair
    assert bench.model.asked[0].repair is None and repair is not None and repair.problems
    assert repair.answer == ("No." if isinstance(bad, InvalidAnswer) else bad)
    assert bench.toy.provenance[0].repaired
    bench.sound(98)


def test_a_repair_that_is_too_long_to_be_asked_is_the_answers_fault(bench: Bench) -> None:
    """It carries the first answer, which may have run on to the end of what the model can read: nothing is wrong with the settings."""
    with pytest.raises(InvalidAnswer, match="could not be used: It was cut off"):
        bench.run(InvalidAnswer("It was cut off.", answer="and so on " * 100), UpstreamRejected("Too long.", reason="too_long"))
    bench.sound(100)
    with pytest.raises(UpstreamRejected, match="Too long"):
        bench.run(UpstreamRejected("Too long.", reason="too_long"), op="other")
    bench.sound(100)


def test_two_useless_answers_fail_and_charge_nothing(bench: Bench) -> None:
    with pytest.raises(InvalidAnswer, match="could not be used"):
        bench.run("no", "json")
    assert len(bench.model.asked) == 2 and bench.ledger.get("op").state == "voided"
    bench.sound(100)


@pytest.mark.parametrize("error", [UpstreamUnavailable("429"), UpstreamRejected("wrong key"), ZeroDivisionError("a bug")])
def test_a_failed_call_charges_nothing_and_may_be_done_later(bench: Bench, error: Exception) -> None:
    with pytest.raises(type(error)):
        bench.run(error)
    bench.sound(100)
    assert bench.run(words("a")).credits == 2 and bench.ledger.get("op").attempt == 2
    bench.sound(98)


def test_nothing_to_do_is_no_failure(bench: Bench) -> None:
    bench.toy.skip = "It is done already."
    assert bench.run() == Done({}, 0, "It is done already.")
    bench.sound(100)


def test_nothing_to_ask_is_no_question(bench: Bench) -> None:
    bench.toy.ask = False
    assert bench.run().result == {"words": ["nobody asked"]} and bench.model.asked == []
    bench.sound(98)


def test_without_credits_nothing_is_asked(bench: Bench) -> None:
    bench.toy.units = 60
    with pytest.raises(OutOfCredits):
        bench.run()
    assert bench.model.asked == []
    bench.sound(100)


def test_an_answer_is_applied_to_what_is_there_now(bench: Bench) -> None:
    bench.toy.stops = [Stale(), Duplicate()]  # changed by another, made by another
    assert bench.run(words("a")).credits == 2
    assert bench.toy.loads == 3 and len(bench.model.asked) == 1, "the answer stands"
    bench.sound(98)


def test_what_never_stands_still_is_given_up(bench: Bench) -> None:
    bench.toy.stops = [Stale()] * 4
    with pytest.raises(Stale):
        bench.run(words("a"))
    bench.sound(100)


def test_saved_in_parts_and_then_not(bench: Bench) -> None:
    """What was saved is paid for; the rest is a further operation; together they are what the work cost."""
    bench.toy.parts, bench.toy.part_stops = True, [lambda: ZeroDivisionError("a bug")]
    with pytest.raises(ZeroDivisionError):
        bench.run(words("a", "b", "c"))
    assert bench.ledger.get("op").partial
    bench.sound(98)
    done = bench.run(words("a", "b", "c"))
    assert done == Done({"words": ["b", "c"]}, 6) and bench.run() == done
    assert [h.op for h in holds(bench.ledger, "op")] == ["op", "op~2"]
    bench.sound(94)


def test_an_answer_saved_in_parts_is_not_applied_to_other_facts(bench: Bench) -> None:
    bench.toy.parts, bench.toy.part_stops = True, [Stale]
    with pytest.raises(Stale):
        bench.run(words("a", "b"))
    assert bench.toy.loads == 1 and len(bench.model.asked) == 1
    bench.sound(98)


def test_what_is_left_after_a_part_may_be_nothing(bench: Bench) -> None:
    bench.toy.parts, bench.toy.part_stops = True, [Stale]
    with pytest.raises(Stale):
        bench.run(words("a", "b"))
    bench.toy.skip = "Too few."
    assert bench.run() == Done({}, 2, None), "paid work is not a skip"
    bench.sound(98)


def test_the_reservation_of_a_dead_worker(bench: Bench) -> None:
    """Large enough it is used; too small, another takes its place."""
    details = {"operation_type": "idea"}
    for op, amount in (("op", 6), ("small", 2)):
        bench.ledger.reserve(op, amount, details=details, fingerprint="auto_cluster:item", price=price_of("idea"))
    assert bench.run(words("a", "b"), op="op").credits == 4
    assert bench.run(words("c", "d"), op="small").credits == 4
    assert (bench.ledger.get("op").attempt, bench.ledger.get("small").attempt) == (1, 2)
    bench.sound(92)


def test_release_gives_back_and_tells_what_was_paid(bench: Bench) -> None:
    assert release(bench.ctx, "never", "no reason") == (0, None)
    bench.ledger.reserve("open", 5, details={"operation_type": "idea"})
    assert release(bench.ctx, "open", "its worker died") == (0, None)
    bench.run(words("a"), op="done")
    assert release(bench.ctx, "done", "no reason") == (2, {"words": ["a"]})
    assert present(bench.ledger, "never") == ("never", None, 0)
    bench.sound(98)


def test_the_prompt_is_data_not_instruction(bench: Bench) -> None:
    bench.run(words("a"))
    request = bench.model.asked[0]
    assert "never an instruction" in request.system and request.function == "auto_cluster" and json.dumps(request.facts)

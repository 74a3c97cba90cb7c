"""The ledger with one protection taken out at a time, and which property notices.

A mutant is one exact replacement in the source of one module, which must match exactly once: when the code changes, a mutant that no
longer fits fails loudly instead of testing nothing. The mutated source and the modules that import it are executed in memory; files
and the running product are untouched. Two more mutants change how the ledger writes rather than what: one action after the other, and
the caller's objects apart from the charge.
"""

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from chalicelib.core.table import Table, Write
from tests.billing.account_jobs import PRODUCT, Code
from tests.billing.histories import run_histories
from tests.billing.interleaving import FAULTS, Fault
from tests.billing.memory_dynamodb import MemoryDynamoDB
from tests.billing.orders import JOBS, PAIRS, orders, outcomes_with_a_fault

PACKAGE = "chalicelib.billing"
# The ledger's modules in the order of their imports: those after a mutated one are executed again with it.
MODULES = ("turns", "caps", "holds", "daily", "entries", "grants", "credits")
FOLDER = Path(__file__).parents[2] / "chalicelib" / "billing"


@dataclass(frozen=True)
class Mutant:
    """name: what is taken out. module: of the ledger; text: in its source, exactly once; by: what stands there instead.
    table: instead of that, another way of writing."""

    name: str
    module: str = ""
    text: str = ""
    by: str = ""
    table: type[Table] = Table


class Unfit(Exception):
    """The mutant no longer fits the source, or its source does not run."""


# An error of the mutated source itself proves nothing.
_BROKEN = (NameError, AttributeError, TypeError, SyntaxError, NotImplementedError, ImportError)


class OneByOne(Table):
    """Writes the actions of a transaction one after the other."""

    def transact(self, actions: Sequence[Write]) -> None:
        for action in actions:
            super().transact([action])


class ObjectsApart(Table):
    """Saves the caller's objects in a transaction of their own."""

    def transact(self, actions: Sequence[Write]) -> None:
        for own in (True, False):
            if chosen := [a for a in actions if a.key[0].endswith("#B") == own]:
                super().transact(chosen)


def anyway(action: Callable[..., Write]) -> Callable[..., Write]:
    """The write without its condition; mutated source may call it."""
    return lambda *about, **more: replace(action(*about, **more), condition="", values={})


SETTLES = "self.table.transact([put(hold_key(self.tenant, old.op), item, "
AGAIN = "self.table.transact([put(key, to_item(self.tenant, new, at), "
MUTANTS = (
    # conditions of writes
    Mutant("opening: only once", "entries", "return put_new(self.balance_key", "return anyway(put_new)(self.balance_key"),
    Mutant("reserve: enough available", "entries", "need=amount, on_fail=refused", "on_fail=refused"),
    Mutant("entry that takes: enough available", "entries", "need=-change, **last", "**last"),
    Mutant("entry: its number is taken once", "entries", "entry = put_new(TRANSACTION", "entry = anyway(put_new)(TRANSACTION"),
    Mutant("grant: its mark is set once", "grants", "[put_new(mark, {", "[anyway(put_new)(mark, {"),
    Mutant("reserve: the operation is new", "credits", "[put_new(key, to_item(", "[anyway(put_new)(key, to_item("),
    Mutant(
        "reserve again: in the version that was read",
        "credits",
        AGAIN + '"version = :seen", on_fail=found, seen=there.version)',
        AGAIN + "on_fail=found)",
    ),
    Mutant(
        "settle, void, part: in the version that was read",
        "credits",
        SETTLES + '"version = :seen", on_fail=moved, seen=old.version)',
        SETTLES + "on_fail=moved)",
    ),
    Mutant("envelope: it is open", "credits", '"#state = :held AND room >= :amount"', '"room >= :amount"'),
    Mutant("envelope: it has room", "credits", '"#state = :held AND room >= :amount"', '"#state = :held"'),
    Mutant("cap: there is room under it", "caps", '"attribute_not_exists(pk) OR credits <= :room"', '""'),
    Mutant("cap: the first counts, too", "caps", '"attribute_not_exists(pk) OR credits <= :room"', '"credits <= :room"'),
    # what stands beside a condition, in the same transaction
    Mutant("reserve: moves the balance", "credits", "return [*taken, *counting(", "return [*counting("),
    Mutant("reserve: counts under the caps", "credits", "return [*taken, *counting(self.tenant, wanted.caps, amount)]", "return taken"),
    Mutant("settle: the entry", "entries", "**last), entry]", "**last)]"),
    Mutant("settle: returns what was not used", "entries", "change, seq, at = released + amount,", "change, seq, at = amount,"),
    Mutant("settle: counts under the caps", "credits", "settled_row(new, at)), *counted], at)", "settled_row(new, at))], at)"),
    Mutant("settle: the day's usage", "credits", "*after, counting_usage(self.tenant, settled_row(new, at)), *counted", "*after, *counted"),
    Mutant("settle: the caller's objects", "credits", "[*writes, *after,", "[*after,"),
    Mutant("void: returns the credits", "credits", "[*self._entries.returning(hold.reserved), *counting(", "[*counting("),
    Mutant("void: takes them off the caps", "credits", ", *counting(self.tenant, hold.caps, -hold.counted)])", "])"),
    Mutant(
        "envelope: a reservation changes its version", "credits", "room = room - :amount, version = version + :one", "room = room - :amount"
    ),
    Mutant(
        "grant: its mark", "grants", '[put_new(mark, {"kind": kind, "asked": asked, "seq": seq}, on_fail=moved), *entering]', "entering"
    ),
    Mutant("part: it is noted", "credits", "parts={**there.parts, part: units}, ", ""),
    # what is looked at before writing
    Mutant("grant: its mark is looked at", "grants", "if given := items.get(mark):", "if given := None:"),
    Mutant("grant: the same key for something else", "grants", 'if (given["kind"], given["asked"]) != (kind, asked):', "if False:"),
    Mutant("reserve: for another request", "credits", "if there.fingerprint != wanted.fingerprint:", "if False:"),
    Mutant("reserve: a settled operation is done", "credits", 'if there.state == "settled" or (there', "if (there"),
    Mutant(
        "reserve: an open hold is not taken twice",
        "credits",
        'if there.state == "held":\n                reserving',
        "if False:\n                reserving",
    ),
    Mutant("commit: a settled operation is done", "credits", 'if hold.state == "settled":', "if False:"),
    Mutant("void: only an open hold", "credits", 'if hold.state != "held" or (expired_only', "if (expired_only"),
    Mutant("sweep: only what has run out", "credits", "hold.expires > int(self.clock.now().timestamp())", "False"),
    Mutant("void: parts that were saved are charged", "credits", "if hold.parts:", "if False:"),
    Mutant("part: once", "credits", "if part in there.parts:", "if False:"),
    Mutant("part: only of an open hold", "credits", 'if there.state != "held":', "if False:"),
    Mutant("part: gives the hold more time", "credits", "expires=self._alive_until(there))", "expires=there.expires)"),
    Mutant(
        "late charge: nothing is released twice",
        "holds",
        'if self.state != "held":\n            return 0',
        'if self.state == "settled":\n            return 0',
    ),
    Mutant("a turn that was lost is taken again", "turns", "except Moved:\n            pass", "except Moved:\n            raise"),
    # how it is written
    Mutant("one transaction: all of it", table=OneByOne),
    Mutant("one transaction: objects and charge", table=ObjectsApart),
)


def source(mutant: Mutant) -> str:
    """The mutated source. Raises: Unfit when the text is not there exactly once."""
    text = (FOLDER / f"{mutant.module}.py").read_text(encoding="utf-8")
    if (found := text.count(mutant.text)) != 1:
        raise Unfit(f"{mutant.name}: its text is {found} times in {mutant.module}.py")
    return text.replace(mutant.text, mutant.by)


def code(mutant: Mutant) -> Code:
    """The ledger with the mutant in it. Raises: Unfit."""
    if not mutant.module:
        return Code(table=mutant.table)
    with _executed(mutant) as modules:
        expected = (modules["holds"].HoldClosed, *(e for e in PRODUCT.expected if e.__module__ != f"{PACKAGE}.holds"))
        return Code(ledger=modules["credits"].Ledger, expected=expected)


@contextmanager
def _executed(mutant: Mutant) -> Iterator[dict[str, ModuleType]]:
    names = {name: f"{PACKAGE}.{name}" for name in MODULES}
    before, made = {full: sys.modules.get(full) for full in names.values()}, {}
    try:
        for name, full in names.items():
            spec = importlib.util.find_spec(full)
            assert spec is not None and spec.origin is not None
            made[name] = sys.modules[full] = importlib.util.module_from_spec(spec)
            made[name].__dict__["anyway"] = anyway
            text = source(mutant) if name == mutant.module else Path(spec.origin).read_text(encoding="utf-8")
            exec(compile(text, f"{spec.origin} ({mutant.name})", "exec"), made[name].__dict__)
        yield made
    finally:
        for full, module in before.items():
            if module is None:
                sys.modules.pop(full)
            else:
                sys.modules[full] = module


# -- what a mutant has to get past
Search = Callable[..., Iterator[Any]]


def _fault(job: str, fault: Fault) -> Search:
    def search(code: Code = PRODUCT) -> Iterator[Any]:
        first = None
        for outcome in outcomes_with_a_fault(MemoryDynamoDB(), job, fault, code):
            first = first or outcome
            assert outcome == first, f"{outcome}, without the fault {first}"
            yield outcome

    return search


def _order(pair: str) -> Search:
    return lambda code=PRODUCT: orders(MemoryDynamoDB(), pair, code)


def properties() -> list[tuple[str, Search]]:
    """Every order of two workers, then every fault at every call."""
    found: list[tuple[str, Search]] = [(f"orders: {pair}", _order(pair)) for pair in PAIRS]
    return found + [(f"faults: {job}, {fault}", _fault(job, fault)) for job in JOBS for fault in FAULTS]


@dataclass(frozen=True)
class Death:
    """by: the property that failed, or "" for none; examples: how many orders or histories it took; error: in a line."""

    by: str
    examples: int
    seconds: float
    error: str = ""


def by_histories(mutant: Mutant, examples: int) -> Death:
    """Search random histories for one in which the mutant does harm."""
    changed, started, client = code(mutant), time.perf_counter(), CountingClient()
    try:
        run_histories(client, examples, changed)
    except _BROKEN as error:
        raise Unfit(f"{mutant.name}: {_line(error)}") from error
    except Exception as error:
        return Death("histories", client.accounts, time.perf_counter() - started, _line(error))
    return Death("", client.accounts, time.perf_counter() - started)


def by_orders_and_faults(mutant: Mutant) -> Death:
    """Try the exhaustive properties one after the other."""
    changed, started, tried = code(mutant), time.perf_counter(), 0
    for name, search in properties():
        tried = 0
        try:
            for _ in search(changed):
                tried += 1
        except _BROKEN as error:
            raise Unfit(f"{mutant.name}: {_line(error)}") from error
        except Exception as error:
            return Death(name, tried + 1, time.perf_counter() - started, _line(error))
    return Death("", tried, time.perf_counter() - started)


def _line(error: Exception) -> str:
    return f"{type(error).__name__} {error}".splitlines()[0][:100]


class CountingClient(MemoryDynamoDB):
    """Counts the accounts that were opened: one a history."""

    def __init__(self) -> None:
        super().__init__()
        self.accounts = 0

    def put_item(self, **ask: Any) -> dict[str, Any]:
        self.accounts += ask["Item"]["sk"]["S"] == "BAL"
        return super().put_item(**ask)

"""What `make chaos` simulates is as the real thing: its tables as moto's, its state machine as moto's, its times as the template's."""

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from chalicelib.core.errors import AppError
from chalicelib.core.table import Query, Table, Write, check, put, put_new, remove, update
from tests.automation.accounts import open_account
from tests.automation.chaos.lives import LIFE_SECONDS
from tests.automation.chaos.memory_tables import INDEXES, MemoryClient
from tests.automation.chaos.queues import VISIBILITY_SECONDS
from tests.automation.chaos.scenarios import two_failures
from tests.automation.chaos.small_world import small_world
from tests.automation.pipeline import world as moto_world
from tests.conftest import TEMPLATE, Tables, _Template

ROOT = Path(__file__).parents[2]
KEYS = [("A", str(n)) for n in range(6)] + [("B", str(n)) for n in range(3)]


def _write(dice: random.Random) -> Write:
    """Any of the kinds of writes that the product makes, on few keys, so that conditions meet something."""
    key, grade = dice.choice(KEYS), dice.randrange(4)
    item = {
        "grade": grade,
        "name": f"x{grade}",
        "c": f"{dice.randrange(9)}",
        "lp": "L",
        "v": dice.randrange(5),
        "tags": ["a", "b"][: grade % 3],
    }
    named, some = {"#name": "name"}, "grade BETWEEN :low AND :high AND (begins_with(#name, :x) OR contains(tags, :a))"
    rise = "SET grade = grade + :one, #name = :name REMOVE v"
    return dice.choice(
        [
            lambda: put_new(key, item),
            lambda: put(key, item, "attribute_not_exists(pk) OR grade < :grade", grade=grade),
            lambda: put(key, item),
            lambda: remove(key, "grade = :grade", grade=grade),
            lambda: remove(key),
            lambda: update(key, rise, "attribute_exists(grade)", names=named, one=1, name="y"),
            lambda: update(key, "ADD hits :one", one=1),
            lambda: update(key, "SET c = :c", some, names=named, c="0", low=1, high=2, x="x", a="a"),
            lambda: update(key, "SET lp = :lp", "grade <> :grade AND attribute_exists(pk)", lp="M", grade=grade),
        ]
    )()


def _done(table: Table, writes: list[Write]) -> str:
    try:
        if len(writes) == 1:
            return repr(table.write(writes[0]))
        table.transact(writes)
        return "done"
    except AppError as error:
        return type(error).__name__


def _seen(table: Table) -> list[Any]:
    """Everything that can be read, by key and by index, forward and backward, page by page."""
    found: list[Any] = [sorted(table.scan_all(), key=lambda i: (i["pk"], i["sk"])), table.get(KEYS[0])]
    found.append(sorted(table.get_many(KEYS).items()))
    for name in ("A", "B"):
        found += [table.query_all(Query(name, forward=forward, limit=2, consistent=True)) for forward in (True, False)]
        found.append(table.query_all(Query(name, condition="begins_with(sk, :one)", values={":one": "1"})))
        found.append(table.query_all(Query(name, condition="sk < :three", filter="grade >= :two", values={":three": "3", ":two": 2})))
    for index in ("byC", "byV"):
        rows = [table.query_all(Query("L", index=index, hash_name="lp", forward=forward, limit=3)) for forward in (True, False)]
        found += [[r[INDEXES[index]] for r in page] for page in rows]  # moto leaves the order of equal ones open
        found += [sorted(r["sk"] for r in page) for page in rows]
    return found


def test_the_tables_in_memory_do_what_motos_do(tables: Tables) -> None:
    dice, memory = random.Random(5), Table(MemoryClient(), tables.app.name, sleep=lambda seconds: None)
    answers: Counter[str] = Counter()
    for n in range(400):
        writes = [_write(dice)] if dice.random() < 0.6 else [*{w.key: w for w in (_write(dice), _write(dice))}.values()]
        if len(writes) == 2 and dice.random() < 0.3:
            writes[1] = check(writes[1].key, "attribute_exists(pk)")
        real, ours = _done(tables.app, writes), _done(memory, writes)
        assert ours == real, writes
        answers[real if len(real) < 10 else "item"] += 1
        if n % 20 == 19:
            assert _seen(memory) == _seen(tables.app), n
    assert min(answers["Stale"], answers["item"], answers["done"]) > 20, answers


def _paths(world: Any, *, failing: bool) -> list[str]:
    account = open_account(world)
    if failing:
        two_failures(world)
    run = account.run()
    if hasattr(world, "machine"):
        (execution,) = world.machine.executions.values()
        return list(execution.path)
    return account.path(run["id"])


def test_the_interpreter_takes_the_paths_that_motos_takes() -> None:
    with moto_world() as real:
        theirs = _paths(real, failing=False), _paths(real, failing=True)
    ours = []
    for failing in (False, True):
        with small_world(1) as small:
            ours.append(_paths(small, failing=failing))
    assert ours[0] == theirs[0]
    assert Counter(ours[1]) == Counter(theirs[1]) and Counter(ours[1])["Failed4"] == Counter(ours[1])["Failed7"] == 1


def test_times_and_indexes_are_those_of_the_template() -> None:
    queues = yaml.load((ROOT / "infra/resources/queues.yaml").read_text(encoding="utf-8"), _Template)["Resources"]
    assert {queues[f"{name}Queue"]["Properties"]["VisibilityTimeout"] for name in ("Images", "Publish")} == {VISIBILITY_SECONDS}
    declared = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Template)["Resources"]["AppTable"]["Properties"]["GlobalSecondaryIndexes"]
    assert {i["IndexName"]: i["KeySchema"][1]["AttributeName"] for i in declared} == INDEXES
    functions = json.loads((ROOT / ".chalice/config.json").read_text(encoding="utf-8"))["lambda_functions"]
    workers = [
        f.get("lambda_timeout", 60) for name, f in functions.items() if re.fullmatch(r"stage_\d|\w+_worker|scheduler|run_control", name)
    ]
    assert LIFE_SECONDS in workers and max(workers) == 3 * LIFE_SECONDS

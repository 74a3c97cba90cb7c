"""Lives of Lambdas, counted by what they do to the world outside, and ended where a plan says so.

An invocation does one thing after the other: writes to a table, asks a model, publishes, sends, answers a token. It can die before each of
them and after the last. A dead invocation does nothing more, whatever its `finally` blocks try.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chalicelib import ports
from chalicelib.core.table import Item, Table, Write
from tests.automation.faults import LambdaDied

# What an invocation has done of its item: nothing yet, the work itself, the record of it in the run.
BEFORE, BETWEEN, AFTER = "before the effect", "between effect and record", "after the record"
ASKING = "asking what is next"
PLACES = (ASKING, BEFORE, BETWEEN, AFTER)


@dataclass(frozen=True)
class Point:
    """invocation: what it was for, with the item's number, not its id; nth: how often that had been invoked; step: how many things it
    had done. place and stage (0: the run itself): where that is in the tables."""

    invocation: str
    nth: int
    step: int
    place: str = ""
    stage: int = 0


@dataclass
class Life:
    """One invocation on its way."""

    name: str
    nth: int
    stage: int
    asking: bool
    item: str
    step: int = 0
    dead: bool = False


Plan = Callable[["Lives", Life], bool]  # whether it dies here


def nobody(lives: "Lives", life: Life) -> bool:
    return False


@dataclass
class Lives:
    """plan: asked before each effect and at each end. points: where an invocation could have died. deaths: where one did."""

    plan: Plan = nobody
    points: list[Point] = field(default_factory=list)
    deaths: list[Point] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    _now: Life | None = None
    _items: dict[tuple[str, str], int] = field(default_factory=dict)
    _times: Counter[str] = field(default_factory=Counter)
    _done: dict[tuple[int, str], str] = field(default_factory=dict)  # stage, item -> the place its work has come to

    @contextmanager
    def life(self, function: str, event: dict[str, Any]) -> Iterator[None]:
        """An invocation. Raises: LambdaDied."""
        action, item = str(event.get("action", "")), str(event.get("item", ""))
        number = int(event.get("stage") or function.removeprefix("stage_")) if item or action == "next" else 0
        name = f"{function} {action}".strip()
        if item:
            known = [i for f, i in self._items if f == name]
            name += f" {self._items.setdefault((name, item), len(known) + 1)}"
        self._times[name] += 1
        outer, self._now = self._now, Life(name, self._times[name], number, action == "next", item)
        try:
            yield
            self._may_die()
        finally:
            self._now = outer

    def effect(self, kind: str, do: Callable[[], Any], reaches: str = "") -> Any:
        """Something done to the world outside. reaches: the place that the item's work has come to by it."""
        life = self._now
        if life is None:
            return do()
        self._may_die()
        answer = do()
        life.step += 1
        self.effects[kind] += 1
        if reaches and life.item:
            self._done[life.stage, life.item] = reaches
        return answer

    def _may_die(self) -> None:
        life = self._now
        assert life is not None
        if life.dead:
            raise LambdaDied(life.name)
        place = ASKING if life.asking else self._done.get((life.stage, life.item), BEFORE) if life.stage else self._of_run(life)
        point = Point(life.name, life.nth, life.step, place, life.stage)
        self.points.append(point)
        if self.plan(self, life):
            life.dead = True
            self.deaths.append(point)
            raise LambdaDied(life.name)

    def _of_run(self, life: Life) -> str:
        """Of what begins, ends or takes up a run: nothing done, something done, all done is known at the end alone."""
        return BEFORE if not life.step else BETWEEN


class MortalTable(Table):
    """A table on which each write is an effect."""

    def __init__(self, client: Any, name: str, lives: Lives) -> None:
        super().__init__(client, name, sleep=lambda seconds: None)
        self.lives = lives

    def write(self, action: Write) -> Item | None:
        found: Item | None = self.lives.effect("write", lambda: super(MortalTable, self).write(action), _reached([action]))
        return found

    def transact(self, actions: Sequence[Write]) -> None:
        if len(actions) == 1 and actions[0].kind != "ConditionCheck":
            self.write(actions[0])
            return
        self.lives.effect("transaction", lambda: super(MortalTable, self).transact(actions), _reached(actions))


def _reached(actions: Sequence[Write]) -> str:
    """BETWEEN for the work itself: a settled operation, or a new task. AFTER for the item's record in its run."""
    for action in actions:
        if "#RUN#" in action.key[0] and action.item and "outcome" in action.item:
            return AFTER
    for action in actions:
        item = action.item or {}
        if item.get("state") == "settled" or (item.get("kind") == "task" and item.get("version") == 1):
            return BETWEEN
    return ""


class MortalFiles:
    """A file store on which putting and deleting are effects."""

    def __init__(self, inner: Any, lives: Lives) -> None:
        self._inner, self._lives = inner, lives

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def put(self, *about: Any, **more: Any) -> None:
        self._lives.effect("file", lambda: self._inner.put(*about, **more))

    def delete(self, key: str) -> None:
        self._lives.effect("file", lambda: self._inner.delete(key))


class MortalText:
    def __init__(self, inner: ports.TextModel, lives: Lives) -> None:
        self._inner, self._lives, self.provider, self.model = inner, lives, inner.provider, inner.model

    def complete(self, request: ports.TextRequest) -> ports.TextAnswer:
        answer: ports.TextAnswer = self._lives.effect("question", lambda: self._inner.complete(request))
        return answer


class MortalImages:
    def __init__(self, inner: ports.ImageModel, lives: Lives) -> None:
        self._inner, self._lives, self.provider, self.model = inner, lives, inner.provider, inner.model

    def draw(self, request: ports.ImageRequest) -> ports.ImageAnswer:
        answer: ports.ImageAnswer = self._lives.effect("picture", lambda: self._inner.draw(request))
        return answer


class MortalSite:
    """A publisher on which publishing is the effect of stage 7."""

    def __init__(self, inner: Any, lives: Lives) -> None:
        self._inner, self._lives = inner, lives

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def publish(self, article: ports.Article, known: ports.RemotePost | None) -> ports.RemotePost:
        post: ports.RemotePost = self._lives.effect("post", lambda: self._inner.publish(article, known), BETWEEN)
        return post

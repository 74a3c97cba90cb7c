"""Lives of Lambdas, counted by what they do to the world outside, and ended or held up where a plan says so.

An invocation does one thing after the other: writes to a table, asks a model, publishes, sends, answers a token. It can die before each of
them and after the last; a dead one does nothing more, whatever its `finally` blocks try. Or it stalls there: whoever called it gives it up
and asks another, and later, in the middle of whatever is then under way, it wakes and goes on as if nothing had been. For that it has a
thread of its own; one thread runs at a time.
"""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from chalicelib import ports
from chalicelib.core.table import Item, Table, Write
from tests.automation.faults import LambdaDied

# What an invocation has done of its item: nothing yet, the work itself, the record of it in the run.
BEFORE, BETWEEN, AFTER = "before the effect", "between effect and record", "after the record"
ASKING = "asking what is next"
PLACES = (ASKING, BEFORE, BETWEEN, AFTER)
Fate = Literal["lives", "dies", "stalls"]
# What an invocation is part of: a stage, or what becomes of the run itself.
STAGES = tuple("1234567")
BEGIN, CONTINUE, END, TAKE_UP, ASKED = "begin", "continue", "end", "take up", "asked by people"
PARTS = (*STAGES, BEGIN, CONTINUE, END, TAKE_UP, ASKED)
_PARTS = {"run_now": BEGIN, "scheduler": TAKE_UP, "sweeper": TAKE_UP, "begin": BEGIN, "continue": CONTINUE, "finish": END, "broken": END}

LIFE_SECONDS = 300  # no worker lives longer (.chalice/config.json; stages may live thrice as long)


class Stalled(Exception):
    """The invocation does not answer; it may go on one day."""


@dataclass(frozen=True)
class Point:
    """invocation: what it was for, with the item's number, not its id; nth: how often that had been invoked; step: how many things it
    had done. place and part: where that is in the tables."""

    invocation: str
    nth: int
    step: int
    place: str = ""
    part: str = ""


class Life:
    """One invocation on its way. do: what it is there for."""

    def __init__(self, name: str, nth: int, part: str, asking: bool, item: str, do: Callable[[], Any]) -> None:
        self.name, self.nth, self.part, self.asking, self.item = name, nth, part, asking, item
        self.step, self.dead, self.did, self.done, self.stalled_at = 0, False, False, False, 0.0
        self.result: Any = None
        self.error: BaseException | None = None
        self._do, self._halted, self._go = do, threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        _here.life = self
        try:
            self.result = self._do()
        except BaseException as error:  # handed to whoever asked for this life
            self.error = error
        self.done = True
        self._halted.release()

    def begin(self, *, may_stall: bool) -> None:
        """Run until it ends or stalls."""
        if may_stall:
            self._thread.start()
            self._halted.acquire()
            return
        outer = getattr(_here, "life", None)
        self._run()
        _here.life = outer

    def stall(self) -> None:
        """Called by itself: stop here until it is woken."""
        self._halted.release()
        self._go.acquire()

    def wake(self, *, in_time: bool) -> None:
        """Run from where it stalled, to its end; which is at once when its time is over."""
        self.dead = not in_time
        self._go.release()
        self._halted.acquire()


Plan = Callable[["Lives", Life], Fate]  # asked before each effect and at each end
_here = threading.local()


def nobody(lives: "Lives", life: Life) -> Fate:
    return "lives"


@dataclass
class Lives:
    """points: where an invocation could have died. deaths: where one did, or stalled. asleep: who stalled; wakes_after: how many effects
    of others later it wakes. stalls: name and nth of the one that may."""

    plan: Plan = nobody
    wakes_after: int = 0
    stalls: tuple[str, int] | None = None
    now: Callable[[], float] = lambda: 0.0
    points: list[Point] = field(default_factory=list)
    deaths: list[Point] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    asleep: list[Life] = field(default_factory=list)
    _items: dict[tuple[str, str], int] = field(default_factory=dict)
    _times: Counter[str] = field(default_factory=Counter)
    _done: dict[tuple[str, str], str] = field(default_factory=dict)  # stage, item -> the place its work has come to

    def live(self, function: str, event: dict[str, Any], do: Callable[[], Any]) -> Any:
        """An invocation from its beginning to its end. Raises: LambdaDied, Stalled, what it raises."""
        action, item = str(event.get("action", "")), str(event.get("item", ""))
        part = str(event.get("stage") or function.removeprefix("stage_")) if item or action == "next" else ""
        part = part or _PARTS.get(action or function, ASKED)
        name = f"{function} {action}".strip()
        if item:
            known = [i for f, i in self._items if f == name]
            name += f" {self._items.setdefault((name, item), len(known) + 1)}"
        self._times[name] += 1

        def whole() -> Any:
            answer = do()
            life.did = True
            self._may_die()
            return answer

        life = Life(name, self._times[name], part, action == "next", item, whole)
        life.begin(may_stall=self.stalls == (life.name, life.nth))
        if not life.done:
            self.asleep.append(life)
            raise Stalled(name)
        if life.error is not None:
            raise life.error
        return life.result

    def wake_all(self) -> bool:
        """Let those who stalled go on to their ends, whatever these are. Returns whether there were any."""
        found, self.asleep = self.asleep, []
        for life in found:
            life.wake(in_time=self.now() - life.stalled_at < LIFE_SECONDS)
        return bool(found)

    def effect(self, kind: str, do: Callable[[], Any], reaches: str = "") -> Any:
        """Something done to the world outside. reaches: the place that the item's work has come to by it."""
        life: Life | None = getattr(_here, "life", None)
        if life is None:
            return do()
        self._may_die()
        answer = do()
        life.step += 1
        self.effects[kind] += 1
        if reaches and life.item:
            self._done[life.part, life.item] = reaches
        return answer

    def _may_die(self) -> None:
        life: Life = _here.life
        if life.dead:
            raise LambdaDied(life.name)
        if self.asleep:
            self.wakes_after -= 1
            if self.wakes_after < 0:
                self.wake_all()
        point = Point(life.name, life.nth, life.step, self._place(life), life.part)
        self.points.append(point)
        fate = self.plan(self, life)
        if fate == "lives":
            return
        self.deaths.append(point)
        if fate == "dies":
            life.dead = True
            raise LambdaDied(life.name)
        life.stalled_at = self.now()
        life.stall()
        if life.dead:
            raise LambdaDied(life.name)

    def _place(self, life: Life) -> str:
        if life.asking:
            return ASKING
        if life.part in STAGES:
            return self._done.get((life.part, life.item), BEFORE)
        return AFTER if life.did else BETWEEN if life.step else BEFORE


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

"""Circuits: whether a model is to be asked at present under a certain key, as all Lambdas know it (docs/providers.md).

One item of the operations table for each provider, base URL and key, named by their hash, so that a call reads one; an account's own
keys are in its own partition. Changes are rare and conditional on the version that was seen, so that of many workers one opens a circuit
and one probes.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from weakref import WeakKeyDictionary

from chalicelib.core.errors import Stale, TableBusy
from chalicelib.core.ids import milliseconds, random_id, stamp
from chalicelib.core.observability import logger
from chalicelib.core.table import Item, Key, Query, Table, put, put_new, remove
from chalicelib.ports import Clock

FAILURES_TO_OPEN = 3
IN_A_ROW_MS = 60 * 60_000  # failures further apart are not in a row: what came between them may not have been seen
COOL_MS, LONGEST_COOL_MS = 60_000, 15 * 60_000
LONGEST_ASKED_MS = 60 * 60_000  # of a wait the server itself asked for
PROBE_MS = 120_000  # a prober that has said nothing for so long is taken for dead
REFUSED_MS = 60_000
FRESH_MS = 5_000  # how long a process believes what it has read
POLL_SECONDS = 2.0
DATES_MS = 24 * 3600_000
KEPT = timedelta(days=7)
PLATFORM = "G#CIRCUITS"
_TRIES = 5
_REMEMBERED = 2_000  # items a process keeps in mind before it forgets them all

Standing = Literal["closed", "open", "half_open", "refused"]
Turn = Literal["probe", "ask", "wait"]  # ask to see whether a circuit may close; ask as ever, for it is closed; leave it to another


@dataclass(frozen=True)
class Circuit:
    """key: of the item; server: whose model it is, for people; model: its name."""

    key: Key
    server: str
    model: str = ""

    @property
    def name(self) -> str:
        return f"{self.server} ({self.model})" if self.model else self.server


@dataclass(frozen=True)
class Outage:
    """Failures of a model in a row, the first of them at `since`, the last at `failed`; times are milliseconds since the epoch.

    open_until: nobody asks before, 0 while closed; cool: how long it was opened for; probing_until: until then somebody else's call shows
    whether it may close.
    """

    failures: int = 0
    failed: int = 0
    since: int = 0
    open_until: int = 0
    cool: int = 0
    probing_until: int = 0

    @property
    def blocked_until(self) -> int:
        return max(self.open_until, self.probing_until)


@dataclass(frozen=True)
class State:
    """What is known of a key. outages: by model, of those that fail. refused_until: the key is not sent before; why, why_reason: what the
    server said then. dates: shut-down dates by model, as the server listed them at `dates_at`; unlisted: models that somebody chose and
    the server did not list then."""

    version: int = 0
    outages: Mapping[str, Outage] = field(default_factory=dict)
    refused_until: int = 0
    why: str = ""
    why_reason: str = ""
    dates: Mapping[str, str] = field(default_factory=dict)
    unlisted: tuple[str, ...] = ()
    dates_at: int = 0

    def outage(self, of: Circuit) -> Outage:
        return self.outages.get(of.model, Outage())

    def standing(self, of: Circuit, now: int) -> Standing:
        if now < self.refused_until:
            return "refused"
        outage = self.outage(of)
        if not outage.open_until:
            return "closed"
        return "open" if now < outage.open_until else "half_open"

    def having(self, of: Circuit, outage: Outage | None) -> "State":
        """The same with this outage of the circuit's model, None for none."""
        others = {model: one for model, one in self.outages.items() if model != of.model}
        return replace(self, outages=others if outage is None else {**others, of.model: outage})

    def faultless(self, of: Circuit) -> "State":
        """The same after an answer: the model works and the key is accepted."""
        return replace(self.having(of, None), refused_until=0, why="", why_reason="")


def circuit(tenant: str, provider: str, base_url: str, key: str, model: str = "") -> Circuit:
    """The circuit of a server's model under a key. tenant: whose own key it is, '' for the platform's."""
    name = hashlib.sha256("\n".join((provider, base_url.rstrip("/"), key.strip())).encode()).hexdigest()[:32]
    host = base_url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    server = f"The model server {host}" if host else {"openai": "OpenAI", "runware": "Runware"}.get(provider, provider)
    return Circuit((f"{tenant}#CIRCUITS" if tenant else PLATFORM, name), server, model)


# What each process has read lately, by table.
_read: "WeakKeyDictionary[Table, dict[Key, tuple[int, State]]]" = WeakKeyDictionary()
_lock = threading.Lock()


class Circuits:
    """The circuits of a deployment. When the table is busy, all of them are taken for closed: a breaker must not be an outage itself."""

    def __init__(self, ops: Table, clock: Clock, sleep: Callable[[float], None] = time.sleep) -> None:
        self._ops, self._clock, self._sleep = ops, clock, sleep
        with _lock:
            self._known = _read.setdefault(ops, {})

    def now(self) -> int:
        return milliseconds(self._clock.now())

    def state(self, of: Circuit) -> State:
        """At most a few seconds old."""
        at, known = self._known.get(of.key, (0, State()))
        if at and 0 <= self.now() - at < FRESH_MS:
            return known
        try:
            return self._fresh(of)
        except TableBusy as busy:
            logger().warning("circuit not read", extra={"server": of.server, "detail": busy.message})
            return State()

    def failed(self, of: Circuit, *, probe: bool, retry_after_seconds: float | None = None) -> State:
        """A call did not come to an answer. probe: it was the one that showed whether a half open circuit may close."""
        asked = min(LONGEST_ASKED_MS, round((retry_after_seconds or 0) * 1000))

        def change(state: State, now: int) -> State:
            old = state.outage(of)
            if old.open_until and not probe:
                return state  # it began before the circuit opened
            row = old.failures if now - old.failed <= IN_A_ROW_MS else 0
            new = replace(old, failures=row + 1, failed=now, probing_until=0, since=old.since if row else now)
            if probe or new.failures >= FAILURES_TO_OPEN:
                cool = min(LONGEST_COOL_MS, old.cool * 2) if probe and old.cool else COOL_MS
                new = replace(new, cool=cool, open_until=now + max(cool, asked))
            return state.having(of, new)

        return self._change(of, change)[0]

    def answered(self, of: Circuit, seen: State) -> None:
        """A call came to an answer. seen: the state when it began; nothing is written when that was faultless."""
        if seen.outage(of).failures or seen.refused_until:
            self._change(of, lambda old, now: old.faultless(of))

    def refuse(self, of: Circuit, why: str, reason: str) -> None:
        """The server refuses the key, or it has no quota."""
        refused = {"why": why[:600], "why_reason": reason}
        self._change(of, lambda old, now: replace(old.having(of, None), refused_until=now + REFUSED_MS, **refused))  # type: ignore[arg-type]

    def claim(self, of: Circuit) -> Turn:
        """What a caller who sees a half open circuit may do; of many at the same moment one probes."""

        def change(old: State, now: int) -> State:
            if old.standing(of, now) != "half_open" or now < old.outage(of).probing_until:
                return old
            return old.having(of, replace(old.outage(of), probing_until=now + PROBE_MS))

        state, ours = self._change(of, change)
        if ours:
            return "probe"
        return "wait" if state.standing(of, self.now()) in ("open", "half_open") else "ask"

    def closes(self, of: Circuit, seconds: float) -> bool:
        """Whether another's probe closes the circuit within so many seconds, and before it would be taken for dead."""
        for _ in range(max(0, round(min(seconds, PROBE_MS / 1000) / POLL_SECONDS))):
            self._sleep(POLL_SECONDS)
            self._known.pop(of.key, None)
            state, now = self.state(of), self.now()
            if state.standing(of, now) != "half_open" or now >= state.outage(of).probing_until:
                return state.standing(of, now) == "closed"
        return False

    def give_back(self, of: Circuit) -> None:
        """The prober did not get to ask: another may."""
        self._change(of, lambda old, now: old.having(of, replace(old.outage(of), probing_until=0)))

    def keep_dates(self, of: Circuit, offered: Mapping[str, str | None], chosen: Iterable[str]) -> State:
        """What the server says of its models. chosen: those that somebody wants of it."""
        dates = {model: date for model, date in offered.items() if date}
        unlisted = tuple(sorted(set(chosen) - offered.keys()))
        return self._change(of, lambda old, now: replace(old, dates=dates, unlisted=unlisted, dates_at=now))[0]

    def reset(self, tenant: str) -> None:
        """Close all circuits of an account's own keys, whatever they were opened for. A busy table leaves them to close by themselves."""
        try:
            for item in self._ops.query_all(Query(f"{tenant}#CIRCUITS", consistent=True)):
                self._ops.write(remove((item["pk"], item["sk"])))
                self._known.pop((item["pk"], item["sk"]), None)
        except TableBusy as busy:
            logger().warning("circuits not reset", extra={"detail": busy.message})

    def _fresh(self, of: Circuit) -> State:
        return self._keep(of, _state(self._ops.get(of.key)))

    def _keep(self, of: Circuit, state: State) -> State:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[of.key] = (self.now(), state)
        return state

    def _change(self, of: Circuit, change: Callable[[State, int], State]) -> tuple[State, bool]:
        """Apply a change to what the table has now. Returns the state after it, and whether it was this change that made it so."""
        try:
            for _ in range(_TRIES):
                old, now = self._fresh(of), self.now()
                new = change(old, now)
                if new == old:
                    return old, False
                new = replace(new, version=old.version + 1)
                # `writer`: a table takes a write that finds just what it wanted to put for its own, sent twice; here it may be another's.
                item = {**asdict(new), "writer": random_id(8), "ttl": int((self._clock.now() + KEPT).timestamp())}
                write = put(of.key, item, "version = :seen", seen=old.version) if old.version else put_new(of.key, item)
                try:
                    self._ops.write(write)
                except Stale:
                    continue
                return self._keep(of, new), True
            return self._fresh(of), False  # others keep changing it: theirs is as good as ours
        except TableBusy as busy:
            logger().warning("circuit not changed", extra={"server": of.server, "detail": busy.message})
            return State(), False


def moment(ms: int) -> str:
    """A time of a state as the API answers it."""
    return stamp(datetime.fromtimestamp(ms / 1000, UTC))


def _state(item: Item | None) -> State:
    """What the item holds; the nothing of an item that is not there."""
    if item is None:
        return State()
    names = ("version", "refused_until", "why", "why_reason", "dates", "dates_at")
    outages = {model: Outage(**one) for model, one in item["outages"].items()}
    return State(**{name: item[name] for name in names}, outages=outages, unlisted=tuple(item["unlisted"]))

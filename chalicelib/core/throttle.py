"""Rate limits for each user and scope of routes, counted in the operations table by one write a request.

A sliding window, estimated from two fixed ones: what counts is the present minute and the share of the last one that is still
inside the past 60 seconds, so that nobody gets twice the limit around the turn of a minute.
Source: Cloudflare, "How we built rate limiting capable of scaling to millions of domains".
"""

import hashlib
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from chalicelib.core.envelope import failure
from chalicelib.core.errors import Throttled
from chalicelib.core.ids import milliseconds
from chalicelib.core.routing import Answer, Call, Route
from chalicelib.core.table import Table, update

WINDOW_SECONDS = 60
_WINDOW_MS = WINDOW_SECONDS * 1000
RATES: Mapping[str, int] = {  # requests a minute and user; Source: contract, section 2
    "planner": 60,
    "writer": 60,
    "ai": 10,
    "images": 15,
    "auth": 20,
    "billing": 30,
    "system": 100,
    "default": 100,
}
_FORGOTTEN = 30  # windows before the last one whose counters a write removes


@cache
def rates(setting: str) -> Mapping[str, int] | None:
    """The limits a deployment chose, None when there are none. setting: `on`, `off`, or some of them anew: `planner=120,ai=5`.

    Raises: ValueError.
    """
    if setting == "off":
        return None
    chosen = dict(RATES)
    for part in () if setting in ("", "on") else setting.split(","):
        name, _, number = (text.strip() for text in part.partition("="))
        if name not in RATES or not number.isdigit() or int(number) < 1:
            raise ValueError(
                f"THROTTLE={setting!r}: {part.strip()!r} is not <scope>=<requests a minute>, with a scope of {', '.join(RATES)}"
            )
        chosen[name] = int(number)
    return chosen


@dataclass(frozen=True)
class Allowance:
    """Where one caller stands. wait: seconds until a request is allowed again, 0 when this one is; reset: until the window ends."""

    limit: int
    remaining: int
    reset: int
    wait: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-Throttle-Limit": str(self.limit),
            "X-Throttle-Remaining": str(self.remaining),
            "X-Throttle-Reset": str(self.reset),
        }


def allowance(limit: int, before: int, present: int, elapsed_ms: int) -> Allowance:
    """What the counters of the last and the present window mean, `elapsed_ms` into the present one. In whole numbers, so that who comes
    back when told is let in.

    Refused requests are counted too, but weigh on the next window no more than the limit.
    """
    before, left_ms = min(before, limit), _WINDOW_MS - elapsed_ms
    used = before * left_ms + present * _WINDOW_MS  # in requests times milliseconds
    reset = -(-left_ms // 1000)
    if used <= limit * _WINDOW_MS:
        return Allowance(limit, limit - -(-used // _WINDOW_MS), reset, 0)
    room = limit - present - 1  # for what is left of the window before, when one more comes into this one
    # Without room the next window has to come, where this one's requests, as many as the limit, are those before.
    wait_ms = left_ms - room * _WINDOW_MS // before if room >= 0 else left_ms - -_WINDOW_MS // limit
    return Allowance(limit, 0, reset, max(1, -(-wait_ms // 1000)))


def count(ops: Table, who: str, scope: str, limit: int, now_ms: int) -> Allowance:
    """Count one request. who: the caller; now_ms: milliseconds since the epoch. Raises: TableBusy."""
    number, elapsed_ms = divmod(now_ms, _WINDOW_MS)
    old = {f"#old{n}": f"w{number - n}" for n in range(2, 2 + _FORGOTTEN)}
    item = ops.write(
        update(
            (f"G#THROTTLE#{who}", scope),
            f"SET #ttl = :ttl REMOVE {', '.join(old)} ADD #present :one",
            names={"#ttl": "ttl", "#present": f"w{number}", **old},
            ttl=(number + 3) * WINDOW_SECONDS,
            one=1,
        )
    )
    assert item is not None, "an update returns the new item"
    return allowance(limit, item.get(f"w{number - 1}", 0), item[f"w{number}"], elapsed_ms)


def caller(call: Call) -> str:
    """The user, or for public routes the network address (an IPv6 customer has a whole /64), which is stored only as a hash."""
    if call.scope is not None:
        return f"U#{call.scope.user_id}"
    try:
        address = ipaddress.ip_address(call.source_ip)
    except ValueError:
        return "IP#unknown"
    network = f"{address}/64" if address.version == 6 else f"{address}/32"
    return "IP#" + hashlib.sha256(str(ipaddress.ip_network(network, strict=False)).encode()).hexdigest()[:24]


def throttled(call: Call, route: Route, act: Callable[[], Answer]) -> Answer:
    """Around every handler: counts, refuses what is too much, and says on every answer how much is left. Raises: TableBusy."""
    chosen = rates(call.deps.config.throttle)
    if chosen is None or not route.throttle:
        return act()
    state = count(call.deps.ops, caller(call), route.throttle, chosen[route.throttle], milliseconds(call.deps.clock.now()))
    if state.wait:
        message = f"At most {state.limit} requests a minute here ({route.throttle}); try again in {state.wait} s."
        answer = failure(Throttled(message, retry_after_seconds=state.wait))
    else:
        answer = act()
    return replace(answer, headers={**answer.headers, **state.headers})

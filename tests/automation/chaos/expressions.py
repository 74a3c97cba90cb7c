"""DynamoDB's condition, filter, key and update expressions, as far as the product uses them; anything else is refused.

An expression is read once and kept as a function of item, names and values, in DynamoDB's wire form.
Source: DynamoDB Developer Guide, "Condition and filter expressions, operators, and functions", "Update expressions".
"""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

Wire = dict[str, Any]
Names = dict[str, str]
Test = Callable[[Wire, Names, Wire], bool]  # item, names, values
Operand = Callable[[Wire, Names, Wire], Wire | None]
Change = Callable[[Wire, Wire, Names, Wire], None]  # the new item, the old one, names, values

_TOKEN = re.compile(r"\s*(<=|>=|<>|[()=<>,+-]|[#:]?\w+)")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<>": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def plain(value: Wire) -> Any:
    """A number or text to compare and to count with. Raises: NotImplementedError for anything else."""
    ((kind, raw),) = value.items()
    if kind == "N":
        return int(raw) if raw.lstrip("-").isdigit() else Decimal(raw)
    if kind in ("S", "BOOL"):
        return raw
    raise NotImplementedError(f"no comparison or arithmetic with a {kind}")


def compared(sign: str, left: Wire | None, right: Wire | None) -> bool:
    """What is missing, or of another type, fulfils only `<>`."""
    if left is None or right is None or left.keys() != right.keys():
        return sign == "<>"
    if sign in ("=", "<>") and left.keys().isdisjoint({"N"}):
        return _COMPARE[sign](left, right)
    return _COMPARE[sign](plain(left), plain(right))


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, at, end = text, [], 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                raise NotImplementedError(text)
            self.tokens.append(match[1])
            at = match.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise NotImplementedError(f"{self.text}: {wanted or 'more'} expected, {token!r} found")
        self.at += 1
        return token

    def taken(self, token: str) -> bool:
        found = self.peek() == token
        self.at += found
        return found

    # -- conditions
    def any_of(self) -> Test:
        tests = [self.all_of()]
        while self.taken("OR"):
            tests.append(self.all_of())
        return lambda item, names, values: any(test(item, names, values) for test in tests)

    def all_of(self) -> Test:
        tests = [self.one()]
        while self.taken("AND"):
            tests.append(self.one())
        return lambda item, names, values: all(test(item, names, values) for test in tests)

    def one(self) -> Test:
        if self.taken("("):
            inner = self.any_of()
            self.take(")")
            return inner
        if self.peek() in ("attribute_exists", "attribute_not_exists"):
            wanted = self.take() == "attribute_exists"
            (path,) = self.arguments(1)
            return lambda item, names, values: (path(item, names, values) is not None) == wanted
        if self.peek() in ("begins_with", "contains"):
            inside = self.take() == "contains"
            whole, part = self.arguments(2)
            return lambda item, names, values: _within(whole(item, names, values), part(item, names, values), inside=inside)
        left, sign = self.operand(), self.take()
        if sign == "BETWEEN":
            low = self.operand()
            self.take("AND")
            high = self.operand()
            return lambda item, names, values: (
                compared("<=", low(item, names, values), left(item, names, values))
                and compared("<=", left(item, names, values), high(item, names, values))
            )
        if sign not in _COMPARE:
            raise NotImplementedError(self.text)
        right = self.operand()
        return lambda item, names, values: compared(sign, left(item, names, values), right(item, names, values))

    def arguments(self, count: int) -> list[Operand]:
        self.take("(")
        found = [self.operand()]
        while len(found) < count:
            self.take(",")
            found.append(self.operand())
        self.take(")")
        return found

    def operand(self) -> Operand:
        token = self.take()
        if token.startswith(":"):
            return lambda item, names, values: values[token]
        if not token.startswith("#") and not token.isidentifier():
            raise NotImplementedError(self.text)
        return lambda item, names, values: item.get(names[token] if token.startswith("#") else token)

    # -- updates
    def changes(self) -> list[Change]:
        found: list[Change] = []
        while self.peek():
            verb = self.take()
            if verb not in ("SET", "ADD", "REMOVE"):
                raise NotImplementedError(self.text)
            found.append(getattr(self, f"_{verb.lower()}")())
            while self.taken(","):
                found.append(getattr(self, f"_{verb.lower()}")())
        return found

    def _set(self) -> Change:
        target = self.take()
        self.take("=")
        first, sign, second = self.operand(), "", None
        if self.peek() in ("+", "-"):
            sign, second = self.take(), self.operand()

        def change(new: Wire, old: Wire, names: Names, values: Wire) -> None:
            value = first(old, names, values)
            if value is None:
                raise NotImplementedError(f"{self.text}: an attribute that is not there")
            if second is not None:
                by = plain(second(old, names, values) or {"N": ""})
                value = {"N": str(plain(value) + (by if sign == "+" else -by))}
            new[names.get(target, target)] = value

        return change

    def _add(self) -> Change:
        target, by = self.take(), self.operand()

        def change(new: Wire, old: Wire, names: Names, values: Wire) -> None:
            name, step = names.get(target, target), by(old, names, values)
            new[name] = {"N": str(plain(old.get(name, {"N": "0"})) + plain(step or {}))}

        return change

    def _remove(self) -> Change:
        target = self.take()

        def change(new: Wire, old: Wire, names: Names, values: Wire) -> None:
            new.pop(names.get(target, target), None)

        return change


def _within(whole: Wire | None, part: Wire | None, *, inside: bool) -> bool:
    if whole is None or part is None:
        return False
    if "SS" in whole or "L" in whole:
        members = [{"S": s} for s in whole["SS"]] if "SS" in whole else whole["L"]
        return inside and part in members
    text, piece = str(plain(whole)), str(plain(part))
    return piece in text if inside else text.startswith(piece)


@cache
def condition(text: str) -> Test:
    """Of a condition, a filter or a key condition; an empty one always holds. Raises: NotImplementedError."""
    if not text:
        return lambda item, names, values: True
    reader = _Reader(text)
    test = reader.any_of()
    if reader.peek():
        raise NotImplementedError(text)
    return test


@cache
def changes(text: str) -> list[Change]:
    """Of an update expression. Raises: NotImplementedError."""
    return _Reader(text).changes()

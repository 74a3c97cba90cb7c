"""Phrase banks: templates with nested alternatives, drawn without repetition in an order of the article's own.

A bank is a list of templates, one a line, under a `[name]` heading in `banks/*.txt`. `{a|b {c|d}}` stands for alternatives and
`<name>` for a slot. Articles of one family (a cluster) go through the same shuffled order from different places, so that
sisters seldom meet the same template; the alternatives are chosen per article.
"""

import hashlib
import random
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

INNERMOST = re.compile(r"\{([^{}]*)\}")
SLOT = re.compile(r"<([A-Za-z][A-Za-z_0-9]*)>")
SENTENCE_START = re.compile(r"(^|[.!?] )([\u201c\"']?)([a-z\u00e0-\u00ff])")

Slot = str | Callable[[], str]


@lru_cache(maxsize=1)
def banks() -> dict[str, tuple[str, ...]]:
    """All banks by name, read once."""
    found: dict[str, list[str]] = {}
    for file in sorted((Path(__file__).parent / "banks").glob("*.txt")):
        name = ""
        for line in file.read_text("utf-8").splitlines():
            line = line.strip()
            if line.startswith("[") and line.endswith("]"):
                name = line[1:-1]
                if name in found:
                    raise ValueError(f"{file.name}: bank {name} is there twice")
                found[name] = []
            elif line and not line.startswith("#"):
                found[name].append(line)
    return {name: tuple(lines) for name, lines in found.items()}


@lru_cache(maxsize=64)
def words(name: str) -> frozenset[str]:
    """The words of a lexicon section."""
    return frozenset(" ".join(banks()[name]).split())


def variants(name: str) -> Iterator[str]:
    """Every expansion of a bank of unnested templates, slots left in place."""
    for line in banks()[name]:
        pending = [line]
        while pending:
            template = pending.pop()
            match = INNERMOST.search(template)
            if match is None:
                yield template
            else:
                pending += [template[: match.start()] + choice + template[match.end() :] for choice in match.group(1).split("|")]


def templates(bank: str, domain: str) -> list[str]:
    """The lines of a bank (none when there is no such bank) without those tagged `@name` for other domains. domain: one or more names."""
    found = []
    for line in banks().get(bank, ()):
        tags = re.match(r"(?:@[a-z]+ )+", line)
        if tags is None or set(tags.group(0).replace("@", "").split()) & set(domain.split()):
            found.append(line[tags.end() :] if tags else line)
    return found


def seeded(*parts: str) -> random.Random:
    """A generator that gives the same numbers for the same parts, in every process."""
    return random.Random(int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:8]))


def capitalised(text: str) -> str:
    """The first letter in upper case, an opening quotation mark passed over."""
    for at, letter in enumerate(text):
        if letter.isalnum():
            return text[:at] + letter.upper() + text[at + 1 :]
        if letter not in "\u201c\"'(":
            break
    return text


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph made by a template."""
    return re.split(r"(?<=[.!?:]) (?=[\u201c\"']?[A-Z0-9])", text)


class Pen:
    """Draws templates for one article and writes them out.

    seed: what makes the article itself; family: what it shares with its sisters (the cluster); place: 0 to 1, where among them it
    stands. slots: what `<name>` becomes, a text or a function that gives the next text. domain: see `templates`. said: sentences that
    are used up already, in lower case.
    """

    def __init__(self, seed: str, family: str, place: float, slots: Mapping[str, Slot], domain: str = "general") -> None:
        self.random = seeded("article", seed)
        self.slots = dict(slots)
        self._family, self._place, self._domain = family, place, domain
        self._decks: dict[str, list[str]] = {}
        self.said: frozenset[str] = frozenset()

    def _deck(self, bank: str) -> list[str]:
        if bank not in self._decks:
            lines = templates(bank, self._domain)
            seeded("deck", self._family, bank).shuffle(lines)
            start = int(self._place * len(lines))
            self._decks[bank] = lines[start:] + lines[:start]
        return self._decks[bank]

    def left(self, bank: str) -> int:
        """How many templates of a bank this article has not used."""
        return len(self._deck(bank))

    def draw(self, bank: str) -> str:
        """The next unused template of a bank. Raises: LookupError when there is none."""
        deck = self._deck(bank)
        if not deck:
            raise LookupError(bank)
        return deck.pop(0)

    def write(self, template: str, **slots: Slot) -> str:
        """Alternatives chosen, slots filled, as running text without a capital of its own."""
        while INNERMOST.search(template):
            template = INNERMOST.sub(lambda m: self.random.choice(m.group(1).split("|")), template)
        known = {**self.slots, **slots}

        def fill(match: re.Match[str]) -> str:
            name = match.group(1)
            value = known[name.lower()]
            text = value() if callable(value) else value
            return capitalised(text) if name[0].isupper() else text

        return " ".join(SLOT.sub(fill, template).split())

    def sentences(self, template: str, **slots: Slot) -> str:
        """A template written out, each sentence with its capital."""
        text = self.write(template, **slots)
        return SENTENCE_START.sub(lambda m: m.group(1) + m.group(2) + m.group(3).upper(), text)

    def say(self, bank: str, **slots: Slot) -> str:
        """The next template of a bank written out as sentences. Raises: LookupError when the bank is used up."""
        return self._new(bank, slots, split=False)[0]

    def pair(self, bank: str, **slots: Slot) -> list[str]:
        """The ` :: ` separated parts of the next template, each as sentences. Raises: LookupError when the bank is used up."""
        return self._new(bank, slots, split=True)

    def _new(self, bank: str, slots: dict[str, Slot], *, split: bool) -> list[str]:
        """The next template's parts written out; one that says what is said already is passed over while there are others."""
        while True:
            template = self.draw(bank)
            made = [self.sentences(part.strip(), **slots) for part in (template.split(" :: ") if split else [template])]
            if not self.left(bank) or not any(one.casefold() in self.said for part in made for one in sentences(part)):
                return made

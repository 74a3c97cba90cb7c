"""Writes the sections of one article: draws what each needs from the banks, then fills up to the length with what still fits."""

import html
from dataclasses import dataclass, field
from typing import Any

from chalicelib.adapters.offline_writer.grammar import MARKUP, WORD, Phrase, capitalised, read
from chalicelib.adapters.offline_writer.phrases import Pen, sentences
from chalicelib.adapters.offline_writer.subjects import cards, option_names

# Which bank goes on when a section needs more text.
MORE = {
    "mistakes": "trouble", "check": "plan", "ask": "sources", "criteria": "compare", "steps": "timing", "intents": "needs", "keyword": "develop",
    "intro": "promise",
}  # fmt: skip
SPARE = ("quality", "plan", "upkeep", "fit", "sources", "timing", "compare", "needs", "cost", "alternatives", "explain", "trouble", "safety")
SILENT = ("intro", "close", "faq")  # sections that do not grow
ENGLISH = ("", "en", "eng", "english")


@dataclass
class Section:
    """One section: its heading and its blocks, each block as (html, number of words)."""

    purpose: str
    heading: str
    keyword: Phrase | None = None
    blocks: list[tuple[str, int]] = field(default_factory=list)

    @property
    def html(self) -> str:
        head = f"<h2>{escaped(self.heading)}</h2>\n" if self.heading else ""
        return head + "\n".join(block for block, _ in self.blocks)

    @property
    def words(self) -> int:
        return count(self.heading) + sum(words for _, words in self.blocks)


class Writer:
    """Holds an article while it is written. brevity: 0 for full size to 3 for as short as it can be."""

    def __init__(self, pen: Pen, facts: dict[str, Any], keywords: list[Phrase], subject: str, domain: str, seed: str, brevity: int) -> None:
        self.pen, self.facts, self.keywords, self.domain, self.brevity = pen, facts, keywords, domain, brevity
        self.sections: list[Section] = []
        self.faq: list[tuple[str, str]] = []
        self.cards = cards(domain, (seed,))
        if domain != "general":
            self.cards += cards("general", (seed,))[:4]
        self._mentions = 0
        self._points: list[str] = []
        one, many, verb = option_names(domain)
        primary = keywords[0]
        audience = " ".join(MARKUP.sub(" ", str(facts.get("audience") or "")).split())
        pen.slots.update(
            topic=self._topic, pair=primary.topic, subject=subject, search=primary.quoted, option=one, options=many, act=verb,
            point=lambda: self._point(), point2=lambda: self._point(), site=_plain((facts.get("site") or {}).get("name")) or "our site",
            reader=audience if 0 < len(audience) <= 60 and audience.count(" ") < 8 else "readers", topic2=primary.topic, search2=primary.quoted,
        )  # fmt: skip
        self.subject, self.seed = subject, seed

    @property
    def words(self) -> int:
        return sum(s.words for s in self.sections)

    def _topic(self) -> str:
        """The primary keyword, but not in every sentence: the subject or a pronoun take turns with it."""
        self._mentions += 1
        turn = self._mentions % 4
        if self._mentions <= 2 or turn == 1:
            return self.keywords[0].topic
        return self.subject if turn == 3 else "this"

    def _point(self) -> str:
        if not self._points:
            self._points = [c.name for c in self.cards[:9]]
            self.pen.random.shuffle(self._points)
        return self._points.pop()

    # opening

    def open_with(self, primary: Phrase) -> None:
        """The introduction: a paragraph of its kind with the keyword as it is searched, and what the page gives."""
        section = Section("intro", "")
        self.sections.append(section)
        language = str(self.facts.get("language") or "en")
        if language.lower().replace("_", "-").split("-")[0].strip() not in ENGLISH:
            note = f"Offline draft in English about {primary.quoted}: the offline writer does not write {language}."
            section.blocks.append((f"<p><em>{escaped(note)}</em></p>", count(note)))
        kind = {"instructions": "phrase"}.get(primary.kind, primary.kind)
        text = self._paragraph(f"intro/{kind}")
        if primary.shown.casefold() not in text.casefold() or len(primary.keyword) > len(primary.shown):
            text = f"{text} {self.pen.say('exact')}"
        self._add(section, text)
        if self.brevity == 0:
            self._add(section, f"{self.pen.say('promise')} {self.pen.say('promise')}")

    # sections

    def begin(self, purpose: str, heading: str, keyword: Phrase | None) -> None:
        """Start a section with what it cannot do without."""
        section = Section(purpose, heading, keyword)
        self.sections.append(section)
        if purpose == "criteria":
            self._lead(section, "lead/table")
            self._criteria_table(section)
        elif purpose == "steps":
            self._lead(section, "lead/steps")
            self._steps(section)
        elif purpose in {"mistakes", "check", "ask"}:
            self._bullets(section, purpose)
        elif purpose == "intents":
            self._lead(section, "lead/intents")
            self._intents_table(section)
        elif purpose == "keyword" and keyword is not None:
            self._keyword(section, keyword)
        elif purpose == "close":
            self._add(section, f"{self._paragraph('close')} {self.pen.say('cta') if self.brevity < 2 else ''}".strip())
        elif purpose == "faq":
            self._faq(section)
        else:
            self._more(section)

    def add_list_somewhere(self) -> None:
        """A checklist in the last section before the closing that has none."""
        section = next(s for s in reversed(self.sections) if s.purpose not in SILENT or s is self.sections[0])
        self._bullets(section, "check")

    def _keyword(self, section: Section, keyword: Phrase) -> None:
        said = {"topic2": keyword.topic, "search2": keyword.quoted}
        bank = f"answer/{keyword.question}" if keyword.asks else "aspect"
        text = self._paragraph(bank, **said)
        self._add(section, text)

    def _more(self, section: Section) -> bool:
        """One more paragraph for a section; False when nothing fitting is left."""
        banks = [MORE.get(section.purpose, section.purpose), f"domain/{self.domain}"]
        if section.purpose == "domain":
            banks = [f"domain/{self.domain}", "domain/general"]
        elif section.keyword is not None or section.purpose == "steps":
            banks.reverse() if self.pen.random.random() < 0.35 else None
        present = {s.purpose for s in self.sections}
        spare = [b for b in SPARE if b not in present]
        self.pen.random.shuffle(spare)
        for bank in [*banks, *spare, "develop", "domain/general"]:
            if self.pen.left(bank):
                said = {"topic2": section.keyword.topic, "search2": section.keyword.quoted} if section.keyword else {}
                self._add(section, self._paragraph(bank, **said))
                return True
        return False

    def fill(self, asked: int) -> None:
        """Add paragraphs, round by round, until the length is reached."""
        growing = [s for s in self.sections if s.purpose not in SILENT]
        while growing and self.words < 0.97 * asked:
            shortest = min(growing, key=lambda s: (len(s.blocks) + (1 if s.purpose in MORE and s.purpose != "keyword" else 0), s.words))
            if not self._more(shortest):
                return

    def _paragraph(self, bank: str, **said: str) -> str:
        """The next paragraph of a bank; when that is used up, of the one that develops any thought."""
        for name in (bank, "develop", "domain/general", "plan", "quality"):
            if self.pen.left(name):
                text = self.pen.say(name, **said)
                return sentences(text)[0] if self.brevity >= 3 and name not in {"aspect"} else text
        raise LookupError(bank)

    def _add(self, section: Section, text: str) -> None:
        section.blocks.append((f"<p>{escaped(text)}</p>", count(text)))

    def _lead(self, section: Section, bank: str) -> None:
        if self.brevity < 3 and self.pen.left(bank):
            self._add(section, self.pen.say(bank))

    def _bullets(self, section: Section, purpose: str) -> None:
        bank = {"mistakes": "mistake"}.get(purpose, purpose)
        self._lead(section, f"lead/{purpose}")
        number = (self.pen.random.randint(4, 6), 4, 3, 3)[self.brevity]
        items = [self.pen.say(bank) for _ in range(min(number, self.pen.left(bank)))]
        listed = "\n".join(f"<li>{escaped(item)}</li>" for item in items)
        section.blocks.append((f"<ul>\n{listed}\n</ul>", sum(map(count, items))))

    def _steps(self, section: Section) -> None:
        kind = self.domain if self.domain in {"care", "food"} else "general"
        phases = (1, 2, 3, 4, 5, 6) if self.brevity == 0 else (1, 2, 3, 4, 5) if self.brevity == 1 else (1, 3, 4)
        items = []
        for phase in phases:
            special, general = f"step/{phase}/{kind}", f"step/{phase}/general"
            bank = special if self.pen.left(special) and (kind == "general" or self.pen.random.random() < 0.6) else general
            lead, text = self.pen.pair(bank)
            items.append((f"{lead}.", text))
        listed = "\n".join(f"<li><strong>{escaped(lead)}</strong> {escaped(text)}</li>" for lead, text in items)
        section.blocks.append((f"<ol>\n{listed}\n</ol>", sum(count(f"{a} {b}") for a, b in items)))

    def _table(self, section: Section, head: list[str], rows: list[list[str]]) -> None:
        top = "".join(f"<th>{escaped(h)}</th>" for h in head)
        body = "\n".join(f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in row)}</tr>" for row in rows)
        words = count(" ".join(head)) + sum(count(" ".join(row)) for row in rows)
        section.blocks.append((f"<table>\n<thead>\n<tr>{top}</tr>\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>", words))

    def _criteria_table(self, section: Section) -> None:
        number = (self.pen.random.randint(4, 6), 4, 3, 3)[self.brevity]
        rows = [[capitalised(c.name), capitalised(self.pen.write(c.why)), capitalised(self.pen.write(c.check))] for c in self.cards[:number]]
        first = self.pen.random.choice(["Point", "What to compare", "Look at", "Criterion", "Aspect"])
        why = self.pen.random.choice(["Why it matters", "Reason", "Why it counts", "What it changes"])
        check = self.pen.random.choice(["How to check", "Quick test", "How to find out", "Check it like this"])
        if self.keywords[0].sides and self.brevity < 2:
            check = self.pen.random.choice(["Check on both sides", "Ask of both", "Test for each"])
        self._table(section, [first, why, check], rows)

    def _intents_table(self, section: Section) -> None:
        rows = []
        for keyword in self.keywords[:6]:
            kind = keyword.kind if keyword.kind not in {"instructions"} else "how_to"
            bank = f"row/{kind}" if self.pen.left(f"row/{kind}") else "row/phrase"
            if not self.pen.left(bank):
                break
            wants, first = self.pen.pair(bank)
            rows.append([capitalised(keyword.shown), wants, first])
        heads = self.pen.random.choice([["Search", "Probably wanted", "First step"], ["You searched for", "You may want", "Start like this"]])
        self._table(section, heads, rows)

    def _faq(self, section: Section) -> None:
        number = (self.pen.random.randint(3, 5), 3, 3, 2)[self.brevity]
        special = f"faq/{self.keywords[0].kind}"
        blocks: list[str] = []
        words = 0
        while len(self.faq) < number:
            bank = special if len(self.faq) == 1 and self.pen.left(special) else "faq"
            question, answer = self.pen.pair(bank)
            if question.casefold() in {q.casefold() for q, _ in self.faq}:
                continue
            self.faq.append((question, answer))
            blocks.append(f"<h3>{escaped(question)}</h3>\n<p>{escaped(answer)}</p>")
            words += count(f"{question} {answer}")
        section.blocks.append(("\n".join(blocks), words))

    # what must be in it

    def link(self) -> None:
        """Internal links, the most related first, at most one a section."""
        mine = {w.lower() for k in self.keywords for w in WORD.findall(k.shown)}
        given = [ln for ln in self.facts.get("links") or () if ln.get("url") and ln.get("title")]
        ranked = sorted(given, key=lambda ln: -len(mine & set(WORD.findall(ln["title"].lower()))))
        places = [s for s in self.sections if s.purpose not in SILENT]
        for link, section in zip(ranked[: (4, 3, 2, 2)[self.brevity]], places[1:] or places, strict=False):
            lead = self.pen.random.choice(["More on this", "Related", "A closer look", "Read on", "On a neighbouring question", "See also"])
            title = " ".join(str(link["title"]).split())
            block = f'<p>{lead}: <a href="{html.escape(str(link["url"]))}">{escaped(title)}</a>.</p>'
            section.blocks.append((block, count(f"{lead} {title}")))

    def cover_all(self) -> None:
        """Name what no section has dealt with, in the searcher's words."""
        present = set(WORD.findall(html.unescape(" ".join(s.html for s in self.sections)).casefold()))
        missing = [k for k in self.keywords if not set(WORD.findall(k.keyword.casefold())) <= present]
        if missing:
            lead = self.pen.random.choice(["Searches that belong here", "Also asked in these words", "The same need in other words"])
            text = f"{lead}: {', '.join(chr(0x201C) + _plain(k.keyword) + chr(0x201D) for k in missing)}."
            places = [s for s in self.sections if s.purpose not in SILENT]
            self._add((places or self.sections)[-1], text)


def _plain(text: Any) -> str:
    return " ".join(MARKUP.sub(" ", str(text or "")).split())


def escaped(text: str) -> str:
    """Safe as HTML text."""
    return html.escape(text, quote=False)


def count(text: str) -> int:
    """Words of a plain text."""
    return len(WORD.findall(text))


__all__ = ["Section", "Writer", "count", "escaped", "read"]

"""Writes the sections of one article: draws what each needs from the banks, then fills up to the length with what still fits."""

import html
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from chalicelib.adapters.offline_writer.blocks import Block, Section, count, escaped, plain
from chalicelib.adapters.offline_writer.grammar import WORD, Phrase, shortened
from chalicelib.adapters.offline_writer.phrases import Pen, banks, capitalised, sentences, variants
from chalicelib.adapters.offline_writer.subjects import cards, notes, option_names

# Which bank goes on when a section needs more text; the others go on with their own.
MORE = {
    "mistakes": "trouble",
    "check": "plan",
    "ask": "sources",
    "criteria": "compare",
    "steps": "timing",
    "intents": "needs",
    "keyword": "develop",
}
SPARE = (
    "quality",
    "plan",
    "upkeep",
    "fit",
    "sources",
    "timing",
    "compare",
    "needs",
    "cost",
    "alternatives",
    "explain",
    "trouble",
    "safety",
)
SILENT = ("intro", "close", "faq")  # sections that do not grow
ENGLISH = ("", "en", "eng", "english")
LONGEST_IN_QUESTION = 44  # characters of a topic
SHORT_PARAGRAPH = 42  # words; a shorter one may be continued


class Writer:
    """Holds an article while it is written. keywords: the primary first. brevity: 0 for full size to 3 for as short as it can be."""

    def __init__(self, pen: Pen, facts: dict[str, Any], keywords: list[Phrase], subject: str, domain: str, brevity: int) -> None:
        self.pen, self.facts, self.keywords, self.subject, self.brevity = pen, facts, keywords, subject, brevity
        self.domain = domain.split()[0]
        self.primary = keywords[0]
        self.sections: list[Section] = []
        self.faq: list[tuple[str, str]] = []
        self.cards = cards(domain, pen.random)
        if domain != "general":
            self.cards += cards("general", pen.random)[:4]
        self._mentions = 0
        self._points: list[str] = []
        self._noted: set[str] = set()
        self._wanted = {plain(s.get("heading")): _foreign(s.get("points") or ()) for s in facts.get("outline") or ()}
        one, many, verb = option_names(self.domain)
        audience = plain(facts.get("audience"))
        pen.slots.update(
            topic=self._topic, pair=self.primary.topic, subject=subject, search=self.primary.quoted, option=one, options=many, act=verb,
            point=self._point, point2=self._point, site=plain((facts.get("site") or {}).get("name")) or "our site",
            reader=audience if 0 < len(audience) <= 60 and audience.count(" ") < 8 else "readers", topic2=self.primary.topic,
            search2=self.primary.quoted,
        )  # fmt: skip

    @property
    def words(self) -> int:
        return sum(s.words for s in self.sections)

    def _topic(self) -> str:
        """The primary keyword, but not in every sentence: the subject and a pronoun take turns with it."""
        self._mentions += 1
        turn = self._mentions % 4
        short = "this question" if self.primary.kind == "question" else self.primary.topic
        if self._mentions <= 2 or turn == 1:
            return self.primary.topic if self._mentions == 1 else short
        return self.subject if turn == 3 else "this"

    def _point(self) -> str:
        if not self._points:
            self._points = [c.name for c in self.cards[:9]]
            self.pen.random.shuffle(self._points)
        return self._points.pop()

    def open_with_intro(self) -> None:
        """The introduction: a paragraph of the search's kind with the keyword as it is searched, and what it asks for."""
        section = Section("intro", "")
        self.sections.append(section)
        language = str(self.facts.get("language") or "en")
        if language.lower().replace("_", "-").split("-")[0].strip() not in ENGLISH:
            note = f"Offline draft in English about {self.primary.quoted}: the offline writer does not write {plain(language)}."
            section.blocks.append(Block(f"<p><em>{escaped(note)}</em></p>", count(note)))
        text = self._paragraph(f"intro/{'phrase' if self.primary.kind == 'instructions' else self.primary.kind}")
        if self.primary.shown.casefold() not in text.casefold():
            text = f"{text} {self.pen.say('exact')}"
        self._add(section, text)
        section.notes = notes(self.primary.shown, self.subject, self.domain)
        if self.brevity < 2 and section.notes:
            self._note(section, self.primary)
        if self.brevity == 0:
            self._add(section, self.pen.say("promise"), joined=not section.notes)

    def begin(self, purpose: str, heading: str, keyword: Phrase | None) -> None:
        """Start a section with what it cannot do without."""
        section = Section(purpose, heading, keyword)
        self.sections.append(section)
        starts: dict[str, Callable[[Section], None]] = {
            "criteria": self._criteria_table, "steps": self._steps, "mistakes": self._bullets, "check": self._bullets, "ask": self._bullets,
            "intents": self._intents_table, "close": self._close, "faq": self._faq,
        }  # fmt: skip
        if purpose == "keyword" and keyword is not None:
            section.notes = notes(keyword.shown, self.subject, self.domain)
            self._add(section, self._paragraph(f"answer/{keyword.question}" if keyword.asks else "aspect", **_about(keyword)))
            if self.brevity < 3:
                self._note(section, keyword)
        elif purpose in starts:
            starts[purpose](section)
        else:
            self._more(section)
        self._listed_points(section)

    def add_list_somewhere(self) -> None:
        """A checklist in the last section before the closing."""
        self._bullets(next(s for s in reversed(self.sections) if s.purpose not in SILENT or s is self.sections[0]), "check")

    def fill(self, asked: int) -> None:
        """Add paragraphs, the shortest section first, until the length is reached."""
        growing = [s for s in self.sections if s.purpose not in SILENT]
        while growing and self.words < 0.97 * asked:
            if not self._more(min(growing, key=lambda s: (s.words, s.heading))):
                return

    def fill_to(self, words: dict[str, int]) -> None:
        """Add paragraphs, to the section that lacks most of its share first, until each has as many words as its heading gets ('': the
        introduction)."""
        growing = {s.heading: s for s in self.sections if s.purpose != "faq" and words.get(s.heading)}
        while short := [s for name, s in growing.items() if s.words < 0.96 * words[name]]:
            section = min(short, key=lambda s: (s.words / words[s.heading], s.heading))
            last = [section.blocks.pop()] if section.purpose == "close" else []  # the call to action stays the last word
            grown = self._more(section)
            section.blocks += last
            if not grown:
                return

    def ask_more(self, number: int) -> None:
        """Questions for the FAQ until there are so many."""
        self._faq(next(s for s in self.sections if s.purpose == "faq"), number)

    def link(self) -> None:
        """Internal links, the most related first, at most one a section."""
        mine = {w.lower() for k in self.keywords for w in WORD.findall(k.shown)}
        given = [link for link in self.facts.get("links") or () if link.get("url") and link.get("title")]
        ranked = sorted(given, key=lambda link: -len(mine & set(WORD.findall(link["title"].lower()))))
        places = [s for s in self.sections if s.purpose not in SILENT]
        leads = ["More on this", "Related", "A closer look", "Read on", "On a neighbouring question", "See also"]
        self.pen.random.shuffle(leads)
        for link, section, lead in zip(ranked[: (4, 3, 2, 2)[self.brevity]], places[1:] or places, leads, strict=False):
            title = " ".join(str(link["title"]).split())
            block = f'<p>{lead}: <a href="{html.escape(str(link["url"]))}">{escaped(title)}</a>.</p>'
            section.blocks.append(Block(block, count(f"{lead} {title}")))

    def cover(self, homes: dict[str, list[str]]) -> None:
        """Name in each section what it was to deal with and has not, in the searcher's words. homes: keywords by heading."""
        for section in self.sections:
            present = set(WORD.findall(html.unescape(section.html).casefold()))
            missing = [k for k in homes.get(section.heading, ()) if not set(WORD.findall(plain(k).casefold())) <= present]
            if missing:
                self._name(section, missing)

    def cover_all(self) -> None:
        """Name what no section has dealt with, in the searcher's words."""
        present = set(WORD.findall(html.unescape(" ".join(s.html for s in self.sections)).casefold()))
        missing = [k.keyword for k in self.keywords if not set(WORD.findall(plain(k.keyword).casefold())) <= present]
        if missing:
            self._name(([s for s in self.sections if s.purpose not in SILENT] or self.sections)[-1], missing)

    def _name(self, section: Section, missing: list[str]) -> None:
        lead = self.pen.random.choice(["Searches that belong here", "Also asked in these words", "The same need in other words"])
        listed = ", ".join(f"\u201c{plain(keyword)}\u201d" for keyword in missing)
        self._add(section, f"{lead}: {listed}.")

    # parts

    def _more(self, section: Section) -> bool:
        """One more paragraph for a section; False when nothing fitting is left."""
        if section.keyword and self.pen.random.random() < 0.6 and self._note(section, section.keyword):
            return True
        own, domain = MORE.get(section.purpose, section.purpose), f"domain/{self.domain}"
        names = [domain, "domain/general"] if section.purpose == "domain" else [own, domain]
        if section.purpose in {"keyword", "steps"} and self.pen.random.random() < 0.4:
            names.reverse()
        spare = [b for b in SPARE if b not in {s.purpose for s in self.sections}]
        self.pen.random.shuffle(spare)
        for name in [*names, *spare, "develop", "domain/general"]:
            if self.pen.left(name):
                text = self.pen.say(name, **(_about(section.keyword) if section.keyword else {}))
                self._add(section, text, joined=self.pen.random.random() < 0.55)
                return True
        return False

    def _note(self, section: Section, keyword: Phrase) -> bool:
        """What a word of the keyword asks for, when there is such a note that the article does not have yet."""
        for template in section.notes:
            if template not in self._noted:
                self._noted.add(template)
                self._add(section, self.pen.sentences(template, **_about(keyword)), joined=False)
                return True
        return False

    def _paragraph(self, bank: str, **said: str) -> str:
        """The next paragraph of a bank; when that is used up, of the ones that develop any thought. Raises: LookupError."""
        for name in (bank, "develop", "domain/general", "plan", "quality"):
            if self.pen.left(name):
                text = self.pen.say(name, **said)
                return sentences(text)[0] if self.brevity >= 3 and name != "aspect" else text
        raise LookupError(bank)

    def _add(self, section: Section, text: str, joined: bool = False) -> None:
        last = section.blocks[-1] if section.blocks else None
        if joined and last and last.text and last.words <= SHORT_PARAGRAPH and not last.text.endswith(":"):
            section.blocks.pop()
            text = f"{last.text} {text}"
        section.blocks.append(Block(f"<p>{escaped(text)}</p>", count(text), text))

    def _lead(self, section: Section, bank: str) -> None:
        if self.brevity < 3 and self.pen.left(bank):
            self._add(section, self.pen.say(bank))

    def _close(self, section: Section) -> None:
        self._add(section, self._paragraph("close"))
        if cta := plain(self.facts.get("cta")):
            self._add(section, cta if cta[-1] in ".!?" else f"{cta}.")
        elif self.brevity < 2:
            self._add(section, self.pen.say("cta"), joined=True)

    def _listed_points(self, section: Section) -> None:
        """What the outline wants said here and the banks cannot say: named as it stands there, for whoever finishes the draft."""
        if section.purpose != "faq" and (points := self._wanted.get(section.heading, [])[: (6, 4, 3, 2)[self.brevity]]):
            listed = "\n".join(f"<li>{escaped(point)}</li>" for point in points)
            lead = self.pen.random.choice(["What belongs here:", "The points of this part:", "To be settled here:"])
            section.blocks.append(Block(f"<p>{lead}</p>\n<ul>\n{listed}\n</ul>", count(lead) + sum(map(count, points))))

    def _bullets(self, section: Section, purpose: str = "") -> None:
        purpose = purpose or section.purpose
        bank = "mistake" if purpose == "mistakes" else purpose
        self._lead(section, f"lead/{purpose}")
        number = (self.pen.random.randint(4, 6), 4, 3, 3)[self.brevity]
        items = [self.pen.say(bank) for _ in range(min(number, self.pen.left(bank)))]
        listed = "\n".join(f"<li>{escaped(item)}</li>" for item in items)
        section.blocks.append(Block(f"<ul>\n{listed}\n</ul>", sum(map(count, items))))

    def _steps(self, section: Section) -> None:
        self._lead(section, "lead/steps")
        items = []
        for phase in ((1, 2, 3, 4, 5, 6), (1, 2, 3, 4, 5), (1, 3, 4), (1, 3, 4))[self.brevity]:
            special = f"step/{phase}/{self.domain}"
            bank = special if self.pen.left(special) and self.pen.random.random() < 0.7 else f"step/{phase}/general"
            lead, text = self.pen.pair(bank)
            items.append((f"{lead}.", text))
        listed = "\n".join(f"<li><strong>{escaped(lead)}</strong> {escaped(text)}</li>" for lead, text in items)
        section.blocks.append(Block(f"<ol>\n{listed}\n</ol>", sum(count(f"{lead} {text}") for lead, text in items)))

    def _table(self, section: Section, head: list[str], rows: list[list[str]]) -> None:
        top = "".join(f"<th>{escaped(h)}</th>" for h in head)
        body = "\n".join(f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in row)}</tr>" for row in rows)
        words = count(" ".join(head)) + sum(count(" ".join(row)) for row in rows)
        section.blocks.append(Block(f"<table>\n<thead>\n<tr>{top}</tr>\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>", words))

    def _criteria_table(self, section: Section) -> None:
        self._lead(section, "lead/table")
        number = (self.pen.random.randint(4, 6), 4, 3, 3)[self.brevity]
        rows = [
            [capitalised(c.name), capitalised(self.pen.write(c.why)), capitalised(self.pen.write(c.check))] for c in self.cards[:number]
        ]
        check = "table/check-both" if self.primary.sides else "table/check"
        self._table(section, [self._one_of("table/point"), self._one_of("table/why"), self._one_of(check)], rows)

    def _intents_table(self, section: Section) -> None:
        self._lead(section, "lead/intents")
        rows = []
        for keyword in self.keywords[:6]:
            kind = "how_to" if keyword.kind == "instructions" else keyword.kind
            bank = f"row/{kind}" if self.pen.left(f"row/{kind}") else "row/phrase"
            if self.pen.left(bank):
                rows.append([capitalised(keyword.shown), *self.pen.pair(bank)])
        self._table(section, [self._one_of("table/search"), self._one_of("table/wanted"), self._one_of("table/first")], rows)

    def _one_of(self, bank: str) -> str:
        return self.pen.random.choice(banks()[bank])

    def _faq(self, section: Section, number: int = 0) -> None:
        number = number or (self.pen.random.randint(3, 5), 3, 3, 2)[self.brevity]
        special = f"faq/{self.primary.kind}"
        topic = self._topic if len(self.primary.topic) <= LONGEST_IN_QUESTION else self.subject
        while len(self.faq) < number and self.pen.left("faq"):
            bank = special if len(self.faq) == 1 and self.pen.left(special) else "faq"
            question, answer = self.pen.pair(bank, topic=topic, pair=shortened(self.primary.topic, LONGEST_IN_QUESTION))
            if question.casefold() not in {q.casefold() for q, _ in self.faq}:
                self.faq.append((question, answer))
                block = f"<h3>{escaped(question)}</h3>\n<p>{escaped(answer)}</p>"
                section.blocks.append(Block(block, count(f"{question} {answer}")))


@cache
def _own_points() -> frozenset[str]:
    """What `plan_ideas` writes into outlines: says how a section is built, which its purpose does already."""
    return frozenset(plain(v).casefold() for name in banks() if name.startswith("point/") for v in variants(name))


def _foreign(points: Iterable[Any]) -> list[str]:
    """Points that somebody else has planned."""
    shown = [capitalised(shortened(plain(point), 200)) for point in points]
    return [point for point in shown if point and point.casefold() not in _own_points()]


def _about(keyword: Phrase) -> dict[str, str]:
    return {"topic2": keyword.topic, "search2": keyword.quoted}

"""What an article is made of while it is written: sections of finished blocks, and texts made safe for them."""

import html
from dataclasses import dataclass, field
from typing import Any

from chalicelib.adapters.offline_writer.grammar import MARKUP, WORD, Phrase


@dataclass
class Block:
    """Finished HTML, its number of words, and for a paragraph its plain text."""

    html: str
    words: int
    text: str = ""


@dataclass
class Section:
    purpose: str
    heading: str
    keyword: Phrase | None = None
    blocks: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def html(self) -> str:
        head = f"<h2>{escaped(self.heading)}</h2>\n" if self.heading else ""
        return head + "\n".join(block.html for block in self.blocks)

    @property
    def words(self) -> int:
        return count(self.heading) + sum(block.words for block in self.blocks)


def plain(text: Any) -> str:
    """One line without markup characters."""
    return " ".join(MARKUP.sub(" ", str(text or "")).split())


def escaped(text: str) -> str:
    """Safe as HTML text."""
    return html.escape(text, quote=False)


def count(text: str) -> int:
    """Words of a plain text."""
    return len(WORD.findall(text))

"""Cheap judgements of generated prose (is it whole, safe, on the subject, in the language?), used by the answers' checks.

These reject an answer before it is stored; the score an editor sees and the sanitising are `writer`'s.
"""

import html
import re
from collections.abc import Iterable, Sequence
from html.parser import HTMLParser
from urllib.parse import urlsplit

from chalicelib.writer.languages import language_code

WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")
BLOCKS = {"p", "li", "ul", "ol", "table", "thead", "tbody", "tr", "th", "td", "h1", "h2", "h3", "h4", "blockquote"}
UNSAFE_TAGS = {"script", "iframe", "object", "embed", "style", "form", "input", "svg", "math", "link", "meta", "base", "template"}
UNSAFE_SCHEMES = {"javascript", "data", "vbscript", "file"}
MARKDOWN = re.compile(r"(?m)^\s*(?:```|#{1,6} \S|[*-] \*\*)|\*\*[^*\n]{1,80}\*\*|\]\(https?://")
PLACEHOLDER = re.compile(
    r"\b(?:lorem ipsum|as an ai(?: language)? model|i (?:cannot|can't|am unable to) (?:help|assist|write|fulfil)|your company name)\b"
    r"|\[(?:insert|your|add|placeholder)\b",
    re.IGNORECASE,
)
RUN_WORDS = 6
SENTENCE_END = re.compile("[.!?:;\u2026\u3002\uff01\uff1f\u061f\u0964)\"'\u201d\u2019\u00bb]$")
WHOLE = ("</table>", "</ul>", "</ol>")  # what was cut off closes no tag; cells and entries need not be sentences
SENTENCE_BREAK = re.compile("(?<=[.!?\u2026\u3002\uff01\uff1f\u061f\u0964])\\s+|\n")
FAQ_HEADING = re.compile(
    r"\bfaqs?\b|frequently asked|questions (?:and|&) answers|h\u00e4ufig|fragen und antworten|questions fr\u00e9quentes|foire aux questions"
    r"|preguntas frecuentes|domande frequenti|perguntas frequentes|veelgestelde|vanliga fr\u00e5gor|ofte stillede"
    r"|najcz\u0119\u015bciej zadawane|s\u0131k\u00e7a sorulan"
    r"|\u0447\u0430\u0441\u0442\u044b\u0435 \u0432\u043e\u043f\u0440\u043e\u0441\u044b",
    re.IGNORECASE,
)

# The commonest short words that tell these languages apart; a text is judged only when it has enough of them.
FUNCTION_WORDS = {
    "en": "the and of to is that for with you are this from your when how what not can which it",
    "de": "der die das und ist nicht ein eine mit für auf den dem zu sie von wird sich auch werden",
    "fr": "le la les des est une pour dans que vous pas sur avec plus et du au votre qui sont",
    "es": "el los las una para con que por del es más se su como lo son y está al pero",
    "it": "il che di per una con non sono è della più gli del nel anche come questo alla dei si",
    "pt": "não uma para com os dos mais você que é em da do por são ao como seu também no",
    "nl": "het een van en niet dat voor met zijn je op te deze ook aan wordt bij naar maar als",
    "sv": "och att det som en är för på med inte av den till du kan har om ett eller din",
    "da": "og at det som en er for på med ikke af den til du kan har om et eller din",
    "pl": "i w na nie się z do to jest że dla jak przez są od oraz ale lub które po",
    "tr": "ve bir bu için ile da de çok daha olarak gibi en olan ne her kadar sonra ya değil var",
}
SCRIPTS = {
    "ru": "\u0400-\u04ff", "uk": "\u0400-\u04ff", "bg": "\u0400-\u04ff", "el": "\u0370-\u03ff", "he": "\u0590-\u05ff",
    "ar": "\u0600-\u06ff", "fa": "\u0600-\u06ff", "ur": "\u0600-\u06ff", "hi": "\u0900-\u097f", "th": "\u0e00-\u0e7f",
    "zh": "\u3400-\u9fff", "ja": "\u3040-\u30ff\u3400-\u9fff", "ko": "\uac00-\ud7af",
}  # fmt: skip


class _Body(HTMLParser):
    """Reads a body once: its text by blocks, its headings, links and everything that must not be in it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.headings: list[int] = []
        self.links: list[str] = []
        self.unsafe: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in UNSAFE_TAGS:
            self.unsafe.append(f"<{tag}>")
        for name, value in attrs:
            target = re.sub(r"[\s\x00-\x1f]", "", html.unescape(value or "")).lower()
            if name.startswith("on"):
                self.unsafe.append(name)
            elif name in {"href", "src", "action", "formaction", "srcdoc"} and target.split(":", 1)[0] in UNSAFE_SCHEMES:
                self.unsafe.append(target.split(":", 1)[0] + ":")
            if tag == "a" and name == "href":
                self.links.append((value or "").strip())
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag in BLOCKS:
            self.pieces.append("\n")
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in BLOCKS:
            return
        self.pieces.append("\n")
        if self.open and self.open[-1] == tag:
            self.open.pop()
        elif tag in self.open:
            while self.open.pop() != tag:
                pass
            self.unbalanced.append(tag)
        else:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def _read(body: str) -> _Body:
    reader = _Body()
    reader.feed(body)
    reader.close()
    return reader


def visible_text(body: str) -> str:
    """The text of an HTML body, a line per block."""
    return re.sub(r"\s*\n\s*", "\n", "".join(_read(body).pieces)).strip()


def word_count(text: str) -> int:
    """Words of a text; in scripts without spaces, two characters count as a word."""
    spaceless = len(re.findall("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]", text))
    return len(WORD.findall(re.sub("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]", " ", text))) + spaceless // 2


def has_markup(text: str) -> bool:
    """True when plain text carries an HTML tag."""
    return re.search(r"</?[a-zA-Z][^<>]*>", text) is not None


def html_problems(body: str, *, part: bool = False) -> list[str]:
    """Structure and safety of a body: empty, cut off, unsafe, headings, Markdown, placeholders. part: it is what stands under one h2."""
    reader = _read(body)
    text = "".join(reader.pieces).strip()
    if not text:
        return ["The body is empty."]
    found = []
    if reader.unsafe:
        found.append(f"Unsafe HTML: {', '.join(sorted(set(reader.unsafe)))}. Use p, h2, h3, ul, ol, li, table, strong, em, a only.")
    if 1 in reader.headings:
        found.append("The body must not contain an h1; the title is one already.")
    if not part and 2 not in reader.headings:
        found.append("The body has no h2 section.")
    if part and 2 in reader.headings:
        found.append("The section must not contain an h2: its heading is added, and the other sections are written separately.")
    ending = text.rstrip().rsplit("\n", 1)[-1].strip()
    complete = body.rstrip().endswith(WHOLE) or SENTENCE_END.search(ending)
    if not body.rstrip().endswith(">") or reader.open or not complete:
        found.append(f"The body is cut off; it ends with {ending[-60:]!r}.")
    elif reader.unbalanced:
        found.append(f"Tags that close nothing or in the wrong order: {', '.join(sorted(set(reader.unbalanced)))}.")
    if MARKDOWN.search(text):
        found.append("The body contains Markdown; use HTML only.")
    if match := PLACEHOLDER.search(text):
        found.append(f"The body contains a placeholder or a refusal: {match.group(0)!r}.")
    return found


def section_lengths(body: str) -> list[tuple[str, int]]:
    """Heading and number of words of each h2 section with its h3, without what stands above the first."""
    found = []
    for piece in re.split(r"(?i)(?=<h2\b)", body)[1:]:
        head, _, rest = piece.partition("</h2>")
        found.append((" ".join(visible_text(head).split()), word_count(visible_text(rest))))
    return found


def without_heading(body: str, heading: str) -> str:
    """A section's body without the heading, if it begins with it."""
    found = re.match(r"(?is)\s*<h[1-3]\b[^>]*>(.*?)</h[1-3]\s*>", body)
    same = found and _words(visible_text(found.group(1))) == _words(heading)
    return body[found.end() :].lstrip() if found and same else body


def is_faq_heading(heading: str) -> bool:
    return FAQ_HEADING.search(heading) is not None


def repeated(text: str, earlier: Sequence[str]) -> list[str]:
    """Sentences of eight words or more that stand in an earlier text too."""
    known = {tuple(_words(s)) for one in earlier for s in SENTENCE_BREAK.split(one)}
    found = [s.strip() for s in SENTENCE_BREAK.split(text) if len(words := _words(s)) >= 8 and tuple(words) in known]
    return list(dict.fromkeys(found))


def shared_share(text: str, earlier: Sequence[str]) -> float:
    """Which share of the text's runs of `RUN_WORDS` words the earlier texts have too."""

    def runs(one: str) -> set[tuple[str, ...]]:
        words = _words(one)
        return {tuple(words[at : at + RUN_WORDS]) for at in range(len(words) - RUN_WORDS + 1)}

    own = runs(text)
    return len(own & set().union(*map(runs, earlier))) / len(own) if own and earlier else 0.0


def _words(text: str) -> list[str]:
    return WORD.findall(text.casefold())


def contains(text: str, phrase: str) -> bool:
    """True when the words of `phrase` occur in `text` in their order, whatever the case and punctuation between them."""
    return " ".join(WORD.findall(phrase.casefold())) in " ".join(WORD.findall(text.casefold()))


def covers(text: str, keyword: str) -> bool:
    """True when `text` deals with `keyword`: each of its words occurs, inflected at the end or not (a cheap stem, any language)."""
    present = set(WORD.findall(text.casefold()))
    spaceless = "".join(text.casefold().split())
    wanted = set(WORD.findall(keyword.casefold())) - present
    return all(any(_akin(word, other) for other in present) or (not word.isascii() and word in spaceless) for word in wanted)


def _akin(one: str, other: str) -> bool:
    """`clean` and `cleaning`: the same but for the ending, as far as that is safe without knowing the language."""
    shorter = min(len(one), len(other))
    return shorter >= 4 and one[: max(4, shorter - 2)] == other[: max(4, shorter - 2)]


def addresses(body: str) -> list[str]:
    """Where the links of `body` lead, each once, without anchors of the page itself."""
    return list(dict.fromkeys(u for u in _read(body).links if not u.startswith("#")))


def foreign_links(body: str, given: Iterable[str]) -> list[str]:
    """Addresses linked to in `body` that are neither in `given` nor anchors of the page itself."""
    known = {address(u) for u in given}
    return [u for u in addresses(body) if address(u) not in known]


def address(url: str) -> str:
    """What makes two addresses lead to the same page: neither scheme nor fragment nor a slash at the end counts."""
    parts = urlsplit(html.unescape(url).strip())
    return f"{parts.netloc.lower()}{parts.path.rstrip('/')}?{parts.query}"


def other_language(text: str, language: str) -> str | None:
    """The code of the language `text` is evidently written in when that is not `language`; None when right or not decidable."""
    code = language_code(language)
    letters = [c for c in text if c.isalpha()]
    if len(letters) < 60:
        return None
    if code in SCRIPTS:
        inside = len(re.findall(f"[{SCRIPTS[code]}]", text))
        return None if inside > 0.3 * len(letters) else _likeliest(text) or "another script"
    if code not in FUNCTION_WORDS:
        return None
    if sum(not c.isascii() and ord(c) > 0x36F for c in letters) > 0.5 * len(letters):
        return "another script"
    heard = _likeliest(text)
    return heard if heard and heard != code and {heard, code} != {"sv", "da"} else None


def _likeliest(text: str) -> str | None:
    """The language whose function words are clearly the commonest, judged from at least 15 of them."""
    words = WORD.findall(text.lower())
    counts = {code: sum(map(words.count, known.split())) for code, known in FUNCTION_WORDS.items()} if words else {}
    ranked: Sequence[tuple[str, int]] = sorted(counts.items(), key=lambda c: -c[1])
    if not ranked or ranked[0][1] < 15 or ranked[0][1] < 1.5 * ranked[1][1]:
        return None
    return ranked[0][0]

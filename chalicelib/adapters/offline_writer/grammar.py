"""Reads a search keyword as language: what kind of search it is, and how to say it in a sentence, a heading and a title.

Keywords are telegrams ("descale keurig with vinegar", "is coffee bad for you"): they get their capitals, missing articles and a
grammatical form that fits after a preposition. What cannot be turned safely is quoted, never guessed.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from chalicelib.adapters.offline_writer.phrases import banks, capitalised, words

MARKUP = re.compile(r"[<>{}|\x00-\x1f\x7f]+")
WORD = re.compile(r"\w+(?:['\u2019.-]\w+)*")
DETERMINERS = {"a", "an", "the", "my", "your", "our", "his", "her", "their", "this", "that", "these", "those", "any", "some", "each", "no"}
PREPOSITIONS = {
    "for", "in", "with", "without", "on", "at", "of", "to", "from", "under", "near", "by", "after", "before", "that", "which", "while",
    "into", "over", "per", "like", "and", "or", "during", "between", "than", "as", "via", "until", "when", "if", "vs",
}  # fmt: skip
SUPERLATIVES = {"best", "top", "cheapest", "strongest", "fastest", "easiest", "safest", "healthiest", "quietest", "smallest", "simplest"}
AUXILIARIES = {"is", "are", "was", "can", "could", "does", "do", "did", "should", "will", "would", "has", "have", "may", "must"}
QUESTION_WORDS = {"how", "what", "why", "when", "where", "which", "who", "whose", "whats"}
INSTRUCTIONS = {"instructions", "guide", "tutorial", "steps", "manual", "recipe", "checklist", "template"}
QUESTION_TYPES = {
    "why": "why",
    "what": "what",
    "whats": "what",
    "which": "which",
    "who": "who",
    "whose": "who",
    "where": "where",
    "when": "time",
}
LONGEST_TOPIC = 70


@dataclass(frozen=True)
class Phrase:
    """A keyword and how to say it.

    kind: how_to | instructions | question | definition | comparison | best | review | cost | local | phrase. question: type of question
    (how, time, amount, yesno, why, what, which, who, where) or empty. shown: the keyword with its capitals. topic: a noun phrase for
    running text, in object position. heading: as a heading in sentence case. sides: what a comparison compares.
    """

    keyword: str
    kind: str
    question: str
    shown: str
    topic: str
    heading: str
    sides: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return title_case(self.heading)

    @property
    def quoted(self) -> str:
        return f"\u201c{self.shown}\u201d"

    @property
    def asks(self) -> bool:
        """True when the keyword is a question or a task, which deserves a section of its own with it as the heading."""
        return self.kind in {"how_to", "question", "definition"}


def read(keyword: str) -> Phrase:
    """Parse one keyword, whatever it contains."""
    plain = " ".join(MARKUP.sub(" ", keyword).split()).strip(" ?!.,;:") or "this subject"
    shown = with_capitals(plain)
    tokens = shown.split()
    low = [t.lower().strip("?!.,;:\"'") for t in tokens]
    phrase = _parsed(keyword, shown, tokens, low)
    if len(phrase.topic) > LONGEST_TOPIC or not any(c.isalnum() for c in plain):
        short = f"\u201c{shortened(shown, LONGEST_TOPIC - 10)}\u201d"
        return Phrase(keyword, phrase.kind, phrase.question, shown, short, shortened(phrase.heading, 90), phrase.sides)
    if sum(not c.isascii() for c in plain) > len(plain) // 3:
        return Phrase(keyword, "phrase", "", shown, phrase_quoted(shown), capitalised(shown))
    return phrase


def _parsed(keyword: str, shown: str, tokens: list[str], low: list[str]) -> Phrase:
    first = low[0]
    if "how to" in " ".join(low[1:]) and first != "how":
        at = low.index("how", 1)
        if len(low) == at + 3 and low[at + 2] in words("verbs"):
            return _task(keyword, shown, [*tokens[at + 2 :], *tokens[:at]])
    if low[:2] == ["how", "to"] and len(low) > 2:
        return _task(keyword, shown, tokens[2:])
    if sides := _sides(tokens, low):
        return Phrase(keyword, "comparison", "", shown, " and ".join(sides), capitalised(shown), sides)
    if first in QUESTION_WORDS or first in AUXILIARIES:
        return _question(keyword, shown, tokens, low)
    if "near" in low and low[-1] in {"me", "you"}:
        base = with_article(" ".join(tokens[: low.index("near")]))
        return Phrase(keyword, "local", "", shown, f"{base} near you", capitalised(shown))
    if low[-1] in {"meaning", "definition", "explained"} and len(low) > 1:
        return Phrase(keyword, "definition", "what", shown, phrase_quoted(" ".join(tokens[:-1])), capitalised(shown))
    if {"review", "reviews"} & set(low):
        base = with_article(" ".join(t for t, plain in zip(tokens, low, strict=True) if plain not in {"review", "reviews"}))
        return Phrase(keyword, "review", "", shown, base, capitalised(shown))
    if low[-1] in {"cost", "costs", "price", "prices", "pricing"} and len(low) > 1:
        return Phrase(keyword, "cost", "", shown, f"the cost of {with_article(' '.join(tokens[:-1]))}", capitalised(shown))
    if first in SUPERLATIVES:
        return Phrase(keyword, "best", "", shown, f"the {shown}", capitalised(shown))
    if low[-1] in {"compared", "comparison"} and len(low) > 1:
        return Phrase(keyword, "best", "", shown, " ".join(tokens[:-1]), capitalised(shown))
    if first in words("imperative") and len(low) > 1:
        return _task(keyword, shown, tokens)
    if first.endswith("ing") and first[:-3] in words("verbs") | {v[:-1] for v in words("verbs")} and len(low) > 2:
        return Phrase(keyword, "how_to", "how", shown, shown, capitalised(shown))
    if low[-1] in INSTRUCTIONS or (low[-1].isdigit() and first in INSTRUCTIONS):
        return Phrase(keyword, "instructions", "", shown, with_article(shown), capitalised(shown))
    return Phrase(keyword, "phrase", "", shown, with_article(shown), capitalised(shown))


def _task(keyword: str, shown: str, verb_phrase: list[str]) -> Phrase:
    """`clean coffee maker` -> topic "cleaning a coffee maker", heading "How to clean a coffee maker"."""
    verb, rest = verb_phrase[0], _object_with_article(" ".join(verb_phrase[1:]))
    done = f"{verb} {rest}".strip()
    heading = f"How to {done}"
    if verb.lower() not in words("verbs"):
        return Phrase(keyword, "how_to", "how", shown, f"how to {done}", heading)
    return Phrase(keyword, "how_to", "how", shown, f"{gerund(verb)} {rest}".strip(), heading)


def _question(keyword: str, shown: str, tokens: list[str], low: list[str]) -> Phrase:
    heading = f"{capitalised(shown)}?"
    first, second = low[0], low[1] if len(low) > 1 else ""
    kind = "question"
    if first == "how":
        types = {"long": "time", "often": "time", "soon": "time", "much": "amount", "many": "amount"}
        question = types.get(second, "how")
        if "to" in low[2:4]:  # "how often to descale ..." is no full question: it stands by itself in a sentence
            at = low.index("to", 2)
            told = " ".join([*tokens[: at + 2], _object_with_article(" ".join(tokens[at + 2 :]))]).strip()
            return Phrase(keyword, kind, question, shown, told, capitalised(told))
    elif first in AUXILIARIES:
        question = "yesno"
    else:
        question = QUESTION_TYPES[first]
    if first in {"what", "whats"} and second in {"is", "are", "a", "an"} and len(low) <= 7:
        base = " ".join(tokens[2:] if second in {"is", "are"} else tokens[1:])
        if base and not {"best", "difference", "most"} & set(low):
            return Phrase(keyword, "definition", "what", shown, with_article(base), heading)
    return Phrase(keyword, kind, question, shown, _indirect(tokens, low) or f"the question {phrase_quoted(shown)}", heading)


def _indirect(tokens: list[str], low: list[str]) -> str:
    """The question as a clause that can follow a preposition, where that is safe; else empty."""
    first = low[0]
    if first in {"can", "should"} and len(low) > 2 and low[1] in {"you", "i", "we"} and low[2] in words("verbs"):
        return f"{gerund(tokens[2])} {' '.join(tokens[3:])}".strip()
    if first in {"is", "are"}:
        for at in range(2, len(low)):
            if low[at] in words("predicate"):
                return f"whether {' '.join(tokens[1:at])} {tokens[0].lower()} {' '.join(tokens[at:])}"
        return ""
    lead, at = ("whether", 0) if first in AUXILIARIES else ("", next((i for i, w in enumerate(low) if w in AUXILIARIES), -1))
    if low[at] in {"do", "does"} and (at > 0 or first in AUXILIARIES):
        for verb in range(at + 2, len(low)):
            if low[verb] in words("stative"):
                said = tokens[verb] if low[at] == "do" else third_person(tokens[verb])
                return " ".join([lead or " ".join(tokens[:at]).lower(), *tokens[at + 1 : verb], said, *tokens[verb + 1 :]]).replace(
                    " i ", " you "
                )
        return ""
    if first == "how" and "is" in low and low[-2:] == ["too", "much"]:
        return " ".join([tokens[0].lower(), *tokens[1:]])
    return ""


def _sides(tokens: list[str], low: list[str]) -> tuple[str, ...]:
    for mark in ("vs", "vs.", "versus"):
        if mark in low[1:-1]:
            at = low.index(mark)
            return (" ".join(tokens[:at]), " ".join(tokens[at + 1 :]))
    if low[:2] == ["difference", "between"] and "and" in low[3:-1]:
        at = low.index("and", 3)
        return (" ".join(tokens[2:at]), " ".join(tokens[at + 1 :]))
    if "or" in low[1:-1] and low[0] not in QUESTION_WORDS | AUXILIARIES and len(low) <= 6:
        at = low.index("or")
        return (" ".join(tokens[:at]), " ".join(tokens[at + 1 :]))
    return ()


def phrase_quoted(text: str) -> str:
    return f"\u201c{text}\u201d"


def shortened(text: str, longest: int) -> str:
    """At most `longest` characters, cut between words, without a dangling preposition or article."""
    if len(text) <= longest:
        return text
    kept = text[: longest + 1].rsplit(" ", 1)[0].split() if " " in text[: longest + 1] else [text[:longest]]
    while len(kept) > 1 and kept[-1].lower().strip(",;:") in words("small") | DETERMINERS:
        kept.pop()
    return " ".join(kept).rstrip(" ,;:-\u2013")


@lru_cache(maxsize=1)
def _spellings() -> dict[str, str]:
    pairs = [entry.partition("=") for entry in " ".join(banks()["proper"]).split()]
    return {word: spelling or word.capitalize() for word, _, spelling in pairs}


def with_capitals(text: str) -> str:
    """Lower-case searches with the capitals of names and abbreviations; words that have capitals keep them."""
    spellings = _spellings()
    lower = text if any(c.isupper() for c in text) else text.lower()

    def spelled(match: re.Match[str]) -> str:
        word = match.group(0)
        if re.fullmatch(r"[a-z]\d+[a-z]?", word):
            return word.upper()
        return spellings.get(word, word)

    return WORD.sub(spelled, lower)


def title_case(text: str) -> str:
    """Headline capitals: small words stay small except at either end and after a colon."""
    tokens = text.split()
    out = []
    for at, token in enumerate(tokens):
        core = token.strip("\u201c\u201d\"'?!.,:;()")
        start = at in (0, len(tokens) - 1) or tokens[at - 1].endswith((":", "?", "\u2013"))
        small = core.lower() in words("small") and not start
        out.append(token if small or core != core.lower() or core[:1].isdigit() else capitalised(token))
    return " ".join(out)


def with_article(noun_phrase: str) -> str:
    """`gooseneck kettle for pour over` -> `a gooseneck kettle for pour over`; unchanged when plural, mass, named or not known."""
    tokens = noun_phrase.split()
    if not tokens or tokens[0].lower() in DETERMINERS or tokens[0][:1].isdigit():
        return noun_phrase
    head = _head(tokens)
    if not _countable(head) or head != head.lower():
        return noun_phrase
    return f"{'an' if _vowel(tokens[0]) else 'a'} {noun_phrase}"


def _object_with_article(text: str) -> str:
    """The object of a verb, and a later `for`/`with` phrase, with its article."""
    parts = re.split(r"\b(for|with|in|from|without) ", text)
    named = parts[0][:1].isupper() and not parts[0].startswith("French")  # "cancel Atlas coffee club" is about one thing
    first = parts[0].strip() if named else with_article(parts[0].strip())
    rest = "".join(f" {prep} {with_article(obj.strip())}" for prep, obj in zip(parts[1::2], parts[2::2], strict=True))
    return (first + rest).strip()


def _head(tokens: list[str]) -> str:
    for at, token in enumerate(tokens):
        if at and token.lower() in PREPOSITIONS:
            return tokens[at - 1]
    return tokens[-1]


def _countable(noun: str) -> bool:
    word = noun.lower()
    if word in words("mass"):
        return False
    return word in words("countable") or (len(word) > 5 and word.endswith(("izer", "iser", "ator", "inder", "aner", "ator", "ette")))


def is_plural(noun_phrase: str) -> bool:
    """True when the head of the phrase looks plural."""
    head = _head(noun_phrase.split() or ["it"]).lower()
    return head.endswith("s") and not head.endswith(("ss", "us", "is"))


def _vowel(word: str) -> bool:
    low = word.lower()
    if word.isupper() and len(word) <= 4:
        return word[0] in "AEFHILMNORSX"
    return (
        low[0] in "aeio"
        or (low[0] == "u" and not low.startswith(("uni", "use", "usa", "eu", "uk", "us")))
        or low.startswith(("hour", "honest"))
    )


def gerund(verb: str) -> str:
    """`store` -> `storing`, `stop` -> `stopping`, `lie` -> `lying`."""
    low = verb.lower()
    if low.endswith("ie"):
        return low[:-2] + "ying"
    if low.endswith("e") and not low.endswith(("ee", "oe", "ye")):
        return low[:-1] + "ing"
    if re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxyh]", low) or low in {"unclog", "begin", "refer", "reset"}:
        return low + low[-1] + "ing"
    return low + "ing"


def third_person(verb: str) -> str:
    low = verb.lower()
    if low == "have":
        return "has"
    if low.endswith(("s", "sh", "ch", "x", "z", "o")):
        return low + "es"
    return low[:-1] + "ies" if re.search(r"[^aeiou]y$", low) else low + "s"

"""What the article checks know of languages: function words, scripts, stems; enough to say that a text is in the wrong one."""

import re
import threading
from collections import Counter
from functools import lru_cache
from typing import Any

from chalicelib.writer.html import WORD

# The commonest words that carry no subject; each list also tells its language from the others.
FUNCTION_WORDS: dict[str, frozenset[str]] = {
    code: frozenset(known.split())
    for code, known in {
        "en": "the and of to is in that for with you are this from your it a an or as on be by at when how what not can which if they "
        "but have has will more than their its was do does we our there into about most should i my so also were would where who why",
        "de": "der die das und ist nicht ein eine mit für auf den dem zu sie von wird sich auch werden im es als bei oder wie aus man wenn "
        "sind kann einen einer noch nur ihre durch nach mehr",
        "fr": "le la les des est une pour dans que vous pas sur avec plus et du au votre qui sont un de en ce il ou par mais cette nous "
        "vos aux ne se être ont leur comme",
        "es": "el los las una para con que por del es más se su como lo son y está al pero un de la en no sin sobre este esta puede muy "
        "cuando también hay ser tu si",
        "it": "il che di per una con non sono è della più gli del nel anche come questo alla dei si un la le i lo da ma o delle nella "
        "essere ha se quando può",
        "pt": "não uma para com os dos mais você que é em da do por são ao como seu também no um a o as e de se ou mas pode sua quando "
        "muito está na",
        "nl": "het een van en niet dat voor met zijn je op te deze ook aan wordt bij naar maar als de in is die er om of kan hebben meer "
        "dan door uw over",
        "sv": "och att det som en är för på med inte av den till du kan har om ett eller din i de så från när man vid",
        "da": "og at det som en er for på med ikke af den til du kan har om et eller din i de så fra når man ved",
        "pl": "i w na nie się z do to jest że dla jak przez są od oraz ale lub które po a o co tak może czy",
        "tr": "ve bir bu için ile da de çok daha olarak gibi en olan ne her kadar sonra ya değil var o ise veya",
    }.items()
}
# Words after which a sentence goes on: a text that ends with one was cut off.
DANGLING: dict[str, frozenset[str]] = {
    "en": FUNCTION_WORDS["en"]
    - frozenset(
        {"it", "this", "that", "you", "too", "so", "not", "have", "do", "can", "will", "there", "more", "has", "does", "should", "would"}
    )
    - frozenset(
        {"is", "are", "was", "were", "i", "we", "they", "by", "in", "on", "for", "where", "why", "how", "when", "what", "about", "than"}
    )
    | frozenset({"into", "during", "between", "including", "because", "while", "whose", "every"}),
    **{
        code: frozenset(known.split())
        for code, known in {
            "de": "der die das und ein eine einer einem einen eines den dem des oder für von im bei wie als wenn durch nach zur zum weil "
            "dass zwischen sowie",
            "fr": "le la les des une pour dans que avec et du au un de en ou par mais cette aux ce ses leur chez sans sous",
            "es": "el los las una con por del y al un de la en su sus o sin desde hasta porque cuando",
            "it": "il di per una con della gli del nel alla dei un la le i lo e ed da o delle nella che dal sul",
            "pt": "uma para com os dos que e do da em um o de as ao pela pelo no na ou sem",
            "nl": "het een van en voor met op te deze de of om als bij naar tussen omdat waarbij",
            "sv": "och att det en ett av den till för med i på eller som är",
            "da": "og at det en et af den til for med i på eller som er",
            "pl": "i w z do na dla przez oraz lub jest się o po od że",
        }.items()
    },
}
# Words that never rightly stand twice in a row (unlike the German "die, die" or the French "nous nous").
DOUBLED: dict[str, frozenset[str]] = {
    "en": FUNCTION_WORDS["en"] - frozenset({"that", "had", "is", "so", "in", "on"}),
    **{
        code: frozenset(known.split())
        for code, known in {
            "de": "und ist nicht ein eine mit für auf den dem zu von wird auch werden im oder wie aus kann nach",
            "fr": "le la les des une pour dans avec et du au sur plus est un de ou par mais",
            "es": "el los las una con por del su y al un de la en muy cuando",
            "it": "il di per una con della del nel alla dei un la i lo da o delle nella",
            "pt": "uma para com os dos do da em por ao um o a de e ou mas na no",
            "nl": "een van en niet voor met op te deze de of om maar ook bij naar",
            "sv": "och en för på med av till den inte",
            "da": "og en for på med af til den ikke",
            "pl": "i w na z do dla jest oraz lub",
        }.items()
    },
}
_NAMES = {
    "english": "en", "german": "de", "deutsch": "de", "french": "fr", "français": "fr", "spanish": "es", "español": "es",
    "italian": "it", "italiano": "it", "portuguese": "pt", "português": "pt", "dutch": "nl", "nederlands": "nl", "swedish": "sv",
    "danish": "da", "polish": "pl", "turkish": "tr", "russian": "ru", "ukrainian": "uk", "greek": "el", "hebrew": "he",
    "arabic": "ar", "hindi": "hi", "thai": "th", "chinese": "zh", "japanese": "ja", "korean": "ko",
}  # fmt: skip
_SCRIPTS = {
    "cyrillic": ("\u0400-\u04ff", ("ru", "uk", "bg", "sr", "be", "mk", "kk")),
    "greek": ("\u0370-\u03ff", ("el",)),
    "hebrew": ("\u0590-\u05ff", ("he", "yi")),
    "arabic": ("\u0600-\u06ff", ("ar", "fa", "ur", "ps")),
    "devanagari": ("\u0900-\u097f", ("hi", "mr", "ne")),
    "thai": ("\u0e00-\u0e7f", ("th",)),
    "east asian": ("\u3040-\u30ff\u3400-\u9fff", ("zh", "ja")),
    "hangul": ("\uac00-\ud7af", ("ko",)),
}
_STEMMERS = {
    "en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian", "pt": "portuguese", "nl": "dutch",
    "sv": "swedish", "da": "danish", "tr": "turkish", "ru": "russian", "fi": "finnish", "no": "norwegian", "nb": "norwegian",
    "hu": "hungarian", "ro": "romanian", "el": "greek", "ar": "arabic", "hi": "hindi",
}  # fmt: skip
_FEWEST = 12  # function words a judgement needs


def language_code(language: str) -> str:
    """`de`, `de-AT`, `German` -> `de`; empty -> `en`; an unknown name in lower case."""
    name = language.strip().lower()
    return _NAMES.get(name) or re.split(r"[-_ ]", name)[0] or "en"


def other_language(text: str, language: str, *, fewest: int = _FEWEST, lead: float = 1.4, own: bool = False) -> str | None:
    """What `text` is evidently written in (a code or the name of a script) when that is not `language`; None when right or too short.

    fewest: function words that a judgement needs. lead: how many times those of the next likely language there must be; own: those of
    `language` itself, which is enough to say that a short text is not in it.
    """
    code = language_code(language)
    letters = sum(1 for c in text if c.isalpha())
    if letters < 60:
        return None
    own_script = next((name for name, (_, codes) in _SCRIPTS.items() if code in codes), None)
    for name, (characters, _) in _SCRIPTS.items():
        if len(re.findall(f"[{characters}]", text)) > 0.4 * letters:
            return None if name == own_script else name
    heard = _likeliest(text, fewest, lead, code if own else "")
    if own_script:
        return heard or "another script"
    if heard is None or heard == code or {heard, code} <= {"sv", "da", "no", "nb", "nn"}:
        return None
    # Of a language without a list here only English is told apart: its relatives (Catalan, Galician) share too many words with others.
    return heard if code in FUNCTION_WORDS or heard == "en" else None


def _likeliest(text: str, fewest: int, lead: float, own: str) -> str | None:
    """The language whose function words are clearly the commonest; clearly commoner than those of `own`, if that is known."""
    counts = Counter(word.lower() for word in WORD.findall(text))
    heard = sorted(((sum(counts[word] for word in known), code) for code, known in FUNCTION_WORDS.items()), reverse=True)
    most, code = heard[0]
    rival = next((count for count, known in heard if known == own), heard[1][0])
    if most < fewest or (code != own and most < lead * rival) or most < 0.12 * counts.total():
        return None
    return code


_of_thread = threading.local()  # a stemmer keeps the word it works on in itself, so each thread has its own


def _stemmer(code: str) -> Any:
    import snowballstemmer

    made: dict[str, Any] = _of_thread.__dict__.setdefault("stemmers", {})
    if code not in made:
        made[code] = snowballstemmer.stemmer(_STEMMERS[code]).stemWord
    return made[code]


@lru_cache(32_768)
def stem(word: str, code: str) -> str:
    """The stem of a word in lower case in a language (a code); the word itself where there is no stemmer for it."""
    lower = word.lower().replace("\u2019", "'").removesuffix("'s")
    if code not in _STEMMERS:
        return lower
    stemmed: str = _stemmer(code)(lower)
    return stemmed


def stems(text: str, code: str) -> list[str]:
    """The stem of every word, in order."""
    return [stem(word, code) for word in WORD.findall(text)]


def subject_stems(text: str, code: str) -> list[str]:
    """`stems` without function words; all of them if there are no others."""
    every = WORD.findall(text)
    subject = [word for word in every if word.lower() not in FUNCTION_WORDS.get(code, frozenset())]
    return [stem(word, code) for word in subject or every]

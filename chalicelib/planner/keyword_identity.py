"""What makes two keywords one: the normalised text, and the id that is computed from it, so that nothing has to be looked up."""

import base64
import hashlib
import re
import unicodedata

ID_LENGTH = 16

# Typographic quotation marks are typed by one tool and not by the next; searchers never mean a difference.
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u00b4": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"'})
_SPACES = re.compile(r"\s+")
# Control characters and invisible marks. Joiners (U+200C, U+200D) stay: Persian and Indic spelling needs them.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)


def clean_text(text: str) -> str:
    """The text as it is stored and shown: NFC, one space between words, no control or invisible characters, case kept."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return _SPACES.sub(" ", _INVISIBLE.sub("", unicodedata.normalize("NFC", text))).strip()


def normalise_keyword(text: str) -> str:
    """The text that identifies a keyword: NFC, case folded, whitespace collapsed, straight quotation marks.

    NFC and not NFKC: compatibility forms (full-width letters, ligatures, superscripts) can be another query in some languages.
    Idempotent: normalising twice changes nothing.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split()).casefold()
    folded = clean_text(text).translate(_QUOTES).casefold()
    while (again := clean_text(folded).translate(_QUOTES).casefold()) != folded:
        folded = again  # folding can leave a sequence that NFC composes, and composing can leave one to fold
    return folded


def keyword_id(text: str, country: str | None, industry_sector: str) -> str:
    """The id of a seed keyword: 16 lower-case base32 characters of the SHA-256 of industry sector, country and normalised text.

    country: a code such as `us`, or None for no market. Equal inputs give equal ids everywhere, which makes the unique
    constraint on keywords a primary key.
    """
    named = "\x1f".join((industry_sector, (country or "").casefold(), normalise_keyword(text)))
    return base64.b32encode(hashlib.sha256(named.encode("utf-8", "surrogatepass")).digest())[:ID_LENGTH].decode("ascii").lower()

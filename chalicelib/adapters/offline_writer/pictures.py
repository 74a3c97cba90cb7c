"""Describes the images of an article: one featured scene, then one for each of several headings, no two alike."""

from typing import Any

from chalicelib.adapters.offline_writer.grammar import Phrase, read, shortened
from chalicelib.adapters.offline_writer.outline import purpose_of
from chalicelib.adapters.offline_writer.phrases import Pen, banks, capitalised

LONGEST_ALT = 125


def describe_pictures(facts: dict[str, Any], seed: str) -> dict[str, Any]:
    """Answer of `generate_image_prompts`: `in_article_count` images, fewer when there are fewer headings."""
    primary = read(facts["primary_keyword"])
    pen = Pen(seed, seed, 0.0, {"kw": shortened(primary.topic, 70)})
    taken: set[str] = set()
    kind = primary.kind if f"image/featured/{primary.kind}" in banks() else "default"
    featured = _picture(pen, f"image/featured/{kind}", taken)
    headings = list({" ".join(h.casefold().split()): h for h in reversed(facts.get("headings") or ())}.values())[::-1]
    pictures = []
    for heading in _spread(headings, primary, max(0, int(facts.get("in_article_count") or 0))):
        purpose, keyword = purpose_of(heading, [primary], "keyword")
        bank = f"image/scene/{purpose}" if f"image/scene/{purpose}" in banks() else "image/scene/keyword"
        about = read(heading).topic if purpose == "keyword" and keyword is None else primary.topic
        pictures.append({**_picture(pen, bank, taken, shortened(about, 70)), "after_heading": heading})
    return {"featured": featured, "in_article": pictures}


def _picture(pen: Pen, bank: str, taken: set[str], about: str = "") -> dict[str, str]:
    """A prompt and its alternative text, both about the same scene; `taken` keeps the scenes apart."""
    scene = pen.write(pen.random.choice(banks()[bank]), **({"kw": about} if about else {}))
    setting = _of(pen, "setting")
    alt = capitalised(shortened(f"{scene}, {setting}", LONGEST_ALT))
    while alt.casefold() in taken:
        setting = _of(pen, "setting")
        alt = capitalised(shortened(f"{setting}, {_of(pen, 'light')}: {scene}", LONGEST_ALT))
    taken.add(alt.casefold())
    details = [setting, _of(pen, "light"), _of(pen, "view"), _of(pen, "detail"), f"{_of(pen, 'mood')} mood"]
    return {"prompt": f"{capitalised(scene)}, {', '.join(details)}.", "alt": alt}


def _of(pen: Pen, part: str) -> str:
    return pen.write(pen.random.choice(banks()[f"image/{part}"]))


def _spread(headings: list[str], primary: Phrase, wanted: int) -> list[str]:
    """`wanted` headings spread over the article; FAQ and closing only when nothing else is left."""
    telling = [h for h in headings if purpose_of(h, [primary], "")[0] not in {"faq", "close"}]
    pool = telling if len(telling) >= wanted else headings
    return [pool[i * len(pool) // wanted] for i in range(min(wanted, len(pool)))] if wanted <= len(pool) else pool

"""Describes the images of an article: one featured scene, then one for each of several headings, no two alike."""

import re
from typing import Any

from chalicelib.adapters.offline_writer.grammar import MARKUP, capitalised, read, shortened
from chalicelib.adapters.offline_writer.phrases import Pen

PLAIN = re.compile(r"\bfaqs?\b|frequently asked|next step|in short|where to go|putting it", re.IGNORECASE)


def describe_pictures(facts: dict[str, Any], seed: str) -> dict[str, Any]:
    """Answer of `generate_image_prompts`."""
    primary = read(facts["primary_keyword"])
    shown = shortened(primary.shown, 80)
    headings = list({h.casefold().strip(): h for h in reversed(facts.get("headings") or ())}.values())[::-1]
    pen = Pen(seed, seed, 0.0, {"kw": shown})
    action = f"image/action/{primary.kind}" if primary.kind in {"how_to", "comparison"} else "image/action/default"
    setting = _choice(pen, "setting")
    alts: set[str] = set()
    featured = {"prompt": _prompt(pen, pen.write(pen.draw(action)), setting), "alt": _alt(pen, alts, setting, title=facts.get("title") or shown)}
    chosen = _spread(headings, max(0, int(facts.get("in_article_count") or 0)))
    pictures = []
    for heading in chosen:
        setting = _choice(pen, "setting")
        part = shortened(" ".join(MARKUP.sub(" ", heading).split()), 70)
        scene = pen.write("{illustrating|a scene for|an everyday moment that explains|objects that stand for} the part \u201c<heading>\u201d of an article about <kw>", heading=part)
        pictures.append({"prompt": _prompt(pen, scene, setting), "alt": _alt(pen, alts, setting, heading=part), "after_heading": heading})
    return {"featured": featured, "in_article": pictures}


def _choice(pen: Pen, part: str) -> str:
    return pen.write(pen.draw(f"image/{part}") if pen.left(f"image/{part}") else "{in a bright room|on a plain table}")


def _prompt(pen: Pen, scene: str, setting: str) -> str:
    details = [pen.write("{soft morning light|diffuse daylight|warm evening light|clear light from the left|gentle side light|bright overcast light}")]
    details.append(pen.write("{seen from above|at eye level|from a low angle|close up with a blurred background|as a wide view with room around it|slightly from the side}"))
    details.append(pen.write("{a hand making notes beside it|a measuring tool in reach|simple objects in order|natural materials, few colours|an open notebook with blank pages|a clear focal point}"))
    details.append(pen.write("{calm and orderly|inviting and practical|quiet and focused|fresh and airy|warm and homely|clear and modern}") + " mood")
    return f"{capitalised(scene)}, {setting}, {', '.join(details)}."


def _alt(pen: Pen, used: set[str], setting: str, heading: str = "", title: str = "") -> str:
    """An alternative text of at most 125 characters that no other image of the article has."""
    about = shortened(" ".join(MARKUP.sub(" ", heading or title).split()), 80)
    form = "{Scene for|Illustration for|Still life for|An arrangement for} \u201c<about>\u201d, <setting>" if heading else "{Scene about|Still life about|Everyday view of} <kw>, <setting>"
    text = shortened(pen.write(form, about=about, setting=setting), 125)
    number = 1
    base = text
    while text.casefold() in used:
        number += 1
        text = f"{shortened(base, 118)} ({number})"
    used.add(text.casefold())
    return text


def _spread(headings: list[str], count: int) -> list[str]:
    """`count` headings spread over the article, FAQ and closing only when nothing else is left."""
    good = [h for h in headings if not PLAIN.search(h)]
    pool = good if len(good) >= count else headings
    if count >= len(pool):
        return pool
    step = len(pool) / count if count else 0
    return [pool[int(i * step)] for i in range(count)]

"""Writes a content anew, whole or one section of it: a new revision of the same content, priced by the words asked for."""

import re
from typing import Any

from chalicelib.ai.function import Embed, Loaded, Options, Outcome, Provenance
from chalicelib.ai.voice import voice
from chalicelib.core.context import Context
from chalicelib.core.errors import InvalidAnswer, NotFound
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA
from chalicelib.writer.content import CONTENT, Content, body_html, body_write
from chalicelib.writer.html import normalize_content, outline, plain_text, word_count
from chalicelib.writer.images import when_drawn
from chalicelib.writer.likeness import sketch_write
from chalicelib.writer.scoring import scored
from chalicelib.writer.tasks import TASK

LEAST_WORDS = 300  # of an article whose task says nothing
SECTION_WORDS = 200  # at least, of a section with what stands around it
MAX_PRESENT_CHARACTERS = 20_000
_BEFORE_H2 = re.compile(r"(?=<h2\b)")
_H2 = re.compile(r"<h2\b[^>]*>(.*?)</h2>", re.DOTALL)


def words_wanted(ctx: Context, content: Content, html: str, section: str = "") -> int:
    """How many words a regeneration asks for. Raises: NotFound when there is no such section."""
    if section:
        found = sections(html)
        return max(SECTION_WORDS, 100 + word_count(found[_place(found, section)]))
    task = ctx.repository(TASK).find(content.task) if content.task else None
    return task.word_count if task else max(LEAST_WORDS, content.word_count)


def sections(html: str) -> list[str]:
    """The body cut before each h2; the first piece is what stands above all of them, '' when nothing does."""
    pieces = _BEFORE_H2.split(html)
    return pieces if not html.startswith("<h2") else ["", *(p for p in pieces if p)]


def _heading(piece: str) -> str:
    found = _H2.match(piece)
    return " ".join(plain_text(found.group(1)).casefold().split()) if found else ""


def _place(pieces: list[str], heading: str) -> int:
    """Raises: NotFound."""
    wanted = " ".join(heading.casefold().split())
    at = next((n for n, piece in enumerate(pieces) if wanted and _heading(piece) == wanted), None)
    if at is None:
        raise NotFound("This content has no section of that heading.")
    return at


def load(ctx: Context, content_id: str, options: Options, embed: Embed) -> Loaded:
    """options.extra: section (the text of an h2, '' for the whole), instructions of the editor. Raises: NotFound."""
    content = ctx.repository(CONTENT).get(content_id)
    task = ctx.repository(TASK).find(content.task) if content.task else None
    idea = ctx.repository(IDEA).find(task.idea) if task and task.idea else None
    cluster = ctx.repository(CLUSTER).find(content.cluster)
    section, instructions = str(options.extra.get("section") or ""), str(options.extra.get("instructions") or "")
    html = body_html(ctx, content)
    words = words_wanted(ctx, content, html, section)
    about = voice(
        ctx,
        content.site_id,
        task,
        idea,
        sector_id=content.sector_id,
        function="generate_content",
        structure=content.content_structure,
    )
    primary = content.primary_keyword or (task.keyword_list[0] if task and task.keyword_list else content.title)
    headings = [h.text for h in outline(html) if h.level == 2]
    planned = [s.model_dump() for s in idea.outline] if idea else [{"heading": h, "points": []} for h in headings]
    if section:
        only = f'Write one section alone, "{section}": its h2 and text, then the FAQ section; no introduction, no closing.'
        instructions = f"{only} {instructions}".strip()
        planned = [{"heading": section, "points": []}]
    facts = {
        "title": content.title,
        "description": task.description if task else content.excerpt,
        "content_type": content.content_type,
        "content_structure": content.content_structure,
        "primary_keyword": primary,
        "keywords": [primary] if section else list(dict.fromkeys([primary, *content.secondary_keywords])),
        "word_count": words,
        "outline": planned,
        "brief": idea.brief if idea else "",
        "cta": idea.cta if idea and not section else "",  # the closing of the article is another section's
        "cluster": {"name": cluster.name, "description": cluster.description} if cluster else {"name": "", "description": ""},
        "cluster_keywords": [],
        "links": [],
        "instructions": instructions,
        "present_text": plain_text(html)[:MAX_PRESENT_CHARACTERS],
        **{name: about[name] for name in ("market", "tone", "audience", "site", "author", "strategy")},
        "language": content.language,
    }
    return Loaded(facts, {"content": content, "section": section, "html": html}, words, content.site_id)


def apply(ctx: Context, loaded: Loaded, answer: Any, provenance: Provenance) -> Outcome:
    """The new body as the next revision; title, address and terms stay as the editor knows them."""
    content: Content = loaded.state["content"]
    html, fields = normalize_content(answer.html), dict[str, Any]()
    if section := loaded.state["section"]:
        html = _with_section(loaded.state["html"], section, html)
    else:
        fields = {
            "excerpt": answer.excerpt,
            "meta_title": answer.meta_title,
            "meta_description": answer.meta_description,
            "faq": [f.model_dump() for f in answer.faq],
        }
    contents = ctx.repository(CONTENT)
    shape = contents.changed(
        content, **fields, revision=content.revision + 1, held=False, approved=False, approved_by=None, approved_at=None
    )
    values = {**scored(ctx, shape, html), **when_drawn(shape, shape.images_open), "generated_by": provenance.provider}
    new = contents.changed(content, **{**shape.model_dump(), **values})
    about = {
        "provenance": provenance.as_json(),
        "note": f"Regenerated. {loaded.facts['instructions'][:500]}".strip(),
        "created_at": new.updated_at,
        "words": new.word_count,
    }
    writes = [
        *contents.changing(content, new),
        body_write(ctx, content.id, new.revision, html, **about),
        sketch_write(ctx, content.id, html, content.language),
    ]
    return Outcome(writes, loaded.units, {"content": content.id, "revision": new.revision, "score": new.score})


def _with_section(html: str, heading: str, answer: str) -> str:
    """The body with this section's text replaced by that of the answer's. Raises: InvalidAnswer, NotFound."""
    pieces, written = sections(html), [p for p in sections(answer) if _heading(p)]
    at = _place(pieces, heading)
    wanted = _heading(pieces[at])
    fitting = next((p for p in written if _heading(p) == wanted), written[0] if written else None)
    if fitting is None:
        raise InvalidAnswer("The answer has no section of its own.")
    head = _H2.match(pieces[at])
    assert head is not None
    return "".join([*pieces[:at], head.group(0), _H2.sub("", fitting, count=1), *pieces[at + 1 :]])

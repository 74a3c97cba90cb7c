"""Writes a content anew, whole or one section of it: a new revision of the same content, priced by the words asked for.

A section is asked for as a part of a long article is (`article_parts`): its body alone, with what the other sections say told. The FAQ
is asked for as questions and answers, so that its text and the list kept of it stay the same.
"""

import re
from typing import Any

from chalicelib.ai import prose
from chalicelib.ai.answer_fields import folded
from chalicelib.ai.article_answers import INTRODUCTION, FaqSection
from chalicelib.ai.article_parts import faq_html
from chalicelib.ai.function import Embed, Loaded, Options, Outcome
from chalicelib.ai.internal_links import linked, links_for, used, without
from chalicelib.ai.voice import voice
from chalicelib.core.context import Context
from chalicelib.core.errors import NotFound
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA, Idea
from chalicelib.system.origin import Origin
from chalicelib.writer.content import CONTENT, Content, body_html, body_write
from chalicelib.writer.html import outline, plain_text, word_count
from chalicelib.writer.images import when_drawn
from chalicelib.writer.likeness import sketch_write
from chalicelib.writer.normalization import normalize_content
from chalicelib.writer.scoring import scored
from chalicelib.writer.tasks import TASK

LEAST_WORDS = 300  # of an article whose task says nothing
SECTION_WORDS = 150  # at least, of a section
SUMMARY_CHARACTERS = 300
MAX_PRESENT_CHARACTERS = 20_000
_BEFORE_H2 = re.compile(r"(?=<h2\b)")
_H2 = re.compile(r"<h2\b[^>]*>(.*?)</h2>", re.DOTALL)
_H3 = re.compile(r"<h3\b[^>]*>(.*?)</h3>", re.DOTALL)
_LINK = re.compile(r'<a\b[^>]*\bhref="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)


def words_wanted(ctx: Context, content: Content, html: str, section: str = "") -> int:
    """How many words a regeneration asks for. Raises: NotFound when there is no such section."""
    if section:
        found = sections(html)
        return max(SECTION_WORDS, word_count(found[_place(found, section)]))
    task = ctx.repository(TASK).find(content.task) if content.task else None
    return task.word_count if task else max(LEAST_WORDS, content.word_count)


def sections(html: str) -> list[str]:
    """The body cut before each h2; the first piece is what stands above all of them, '' when nothing does."""
    pieces = _BEFORE_H2.split(html)
    return pieces if not html.startswith("<h2") else ["", *(p for p in pieces if p)]


def _heading(piece: str) -> str:
    found = _H2.match(piece)
    return " ".join(plain_text(found.group(1)).split()) if found else ""


def _place(pieces: list[str], heading: str) -> int:
    """Raises: NotFound."""
    at = next((n for n, piece in enumerate(pieces) if heading.strip() and folded(_heading(piece)) == folded(heading)), None)
    if at is None:
        raise NotFound("This content has no section of that heading.")
    return at


def load(ctx: Context, content_id: str, options: Options, embed: Embed) -> Loaded:
    """options.extra: section (the text of an h2, '' for the whole), instructions of the editor. Raises: NotFound."""
    content = ctx.repository(CONTENT).get(content_id)
    task = ctx.repository(TASK).find(content.task) if content.task else None
    idea = ctx.repository(IDEA).find(task.idea) if task and task.idea else None
    cluster = ctx.repository(CLUSTER).find(content.cluster) if content.cluster else None
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
    keywords = list(dict.fromkeys([primary, *content.secondary_keywords]))
    headings = [h.text for h in outline(html) if h.level == 2]
    facts = {
        "title": content.title,
        "description": task.description if task else content.excerpt,
        "content_type": content.content_type,
        "content_structure": content.content_structure,
        "primary_keyword": primary,
        "keywords": keywords,
        "word_count": max(LEAST_WORDS, content.word_count) if section else words,
        "outline": [s.model_dump() for s in idea.outline] if idea and not section else [{"heading": h, "points": []} for h in headings],
        "brief": idea.brief if idea else "",
        "cta": idea.cta if idea else "",
        "cluster": {"name": cluster.name, "description": cluster.description} if cluster else {"name": "", "description": ""},
        "cluster_keywords": [],
        "links": links_for(
            ctx, content.sector_id, content.cluster or "", title=content.title, keywords=keywords, language=content.language, but=content
        ),
        "instructions": instructions,
        "present_text": plain_text(html)[:MAX_PRESENT_CHARACTERS],
        **{name: about[name] for name in ("market", "tone", "audience", "site", "author", "strategy")},
        "language": content.language,
    }
    if section:
        facts |= _section_facts(facts, content, html, section, words, idea)
    return Loaded(facts, {"content": content, "section": section, "html": html}, words, content.site_id)


def _section_facts(facts: dict[str, Any], content: Content, html: str, section: str, words: int, idea: Idea | None) -> dict[str, Any]:
    """What `article_parts` asks with for this section of the article as it stands."""
    pieces = sections(html)
    at = _place(pieces, section)
    here, others = pieces[at], [p for n, p in enumerate(pieces) if n != at]
    text, other_texts = prose.visible_text(here), [prose.visible_text(p) for p in others]
    elsewhere = "\n".join(other_texts)
    needed = [k for k in facts["keywords"] if prose.covers(text, k) and not prose.covers(elsewhere, k)]
    points = {folded(s.heading): s.points for s in idea.outline} if idea else {}
    own_links = [{"title": prose.visible_text(shown), "url": url} for url, shown in _LINK.findall(here)]  # an editor's stay allowed
    links = [*without(facts["links"], set().union(*map(used, others))), *own_links]
    own = [n for n, piece in enumerate(pieces) if not n or not _is_faq(piece, content)]
    return {
        "part": "faq" if _is_faq(here, content) else "section",
        "plan": [
            {
                "heading": _heading(pieces[n]) or INTRODUCTION,
                "points": points.get(folded(_heading(pieces[n])), []),
                "words": words if n == at else word_count(pieces[n]),
                "keywords": needed if n == at else [],
            }
            for n in own
        ],
        "section_number": at + 1,
        "section_count": len(pieces),
        "section_heading": _heading(here),
        "section_points": points.get(folded(_heading(here)), []),
        "section_words": words,
        "section_keywords": needed,
        "section_present": text,
        "written": [
            {"heading": _heading(p) or INTRODUCTION, "summary": " ".join(plain_text(_H2.sub("", p, count=1)).split())[:SUMMARY_CHARACTERS]}
            for p in others
            if p
        ],
        "written_text": other_texts,
        "unused_links": links,
        "links": links,
    }


def _is_faq(piece: str, content: Content) -> bool:
    """Whether a section shows the content's FAQ: by its questions, or by its heading."""
    asked = {folded(plain_text(h)) for h in _H3.findall(piece)}
    known = {folded(entry.question) for entry in content.faq}
    return bool(asked & known) or (bool(asked) and prose.is_faq_heading(_heading(piece)))


def apply(ctx: Context, loaded: Loaded, answer: Any, provenance: Origin) -> Outcome:
    """The new body as the next revision; title, address and terms stay as the editor knows them."""
    content: Content = loaded.state["content"]
    fields: dict[str, Any] = {}
    if section := loaded.state["section"]:
        pieces = sections(loaded.state["html"])
        at = _place(pieces, section)
        if isinstance(answer, FaqSection):
            body, fields = faq_html(answer.faq), {"faq": [f.model_dump() for f in answer.faq]}
        else:
            body = prose.without_heading(answer.html, _heading(pieces[at]))
        head = _H2.match(pieces[at])
        assert head is not None
        html = "".join([*pieces[:at], head.group(0), normalize_content(body), *pieces[at + 1 :]])
    else:
        html = linked(normalize_content(answer.html), loaded.facts["links"], content.language)
        fields = {
            "excerpt": answer.excerpt,
            "meta_title": answer.meta_title,
            "meta_description": answer.meta_description,
            "faq": [f.model_dump() for f in answer.faq],
            "author": (loaded.facts["author"] or {}).get("name", "") or content.author,
        }
    contents = ctx.repository(CONTENT)
    shape = contents.changed(
        content, **fields, revision=content.revision + 1, held=False, approved=False, approved_by=None, approved_at=None
    )
    values = {**scored(ctx, shape, html), **when_drawn(shape, shape.images_open), "generated_by": provenance.provider}
    new = contents.changed(content, **{**shape.model_dump(), **values})
    about = {
        "provenance": provenance.as_json(),
        "note": f"Regenerated. {f'Section “{section}”. ' if section else ''}{loaded.facts['instructions'][:500]}".strip(),
        "created_at": new.updated_at,
        "words": new.word_count,
    }
    writes = [
        *contents.changing(content, new),
        body_write(ctx, content.id, new.revision, html, **about),
        sketch_write(ctx, content.id, html, content.language),
    ]
    return Outcome(writes, loaded.units, {"content": content.id, "revision": new.revision, "score": new.score})

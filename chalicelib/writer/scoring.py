"""The content check of a stored or changed content, as fields of its record."""

from collections.abc import Iterable
from typing import Any

from chalicelib.core.context import Context
from chalicelib.writer.checks import ArticleCheck, ImageFact, check_article
from chalicelib.writer.content import Content
from chalicelib.writer.html import word_count
from chalicelib.writer.images import Image, images_of
from chalicelib.writer.likeness import sketches
from chalicelib.writer.tasks import TASK

# Fields that the check reads: a change of one of them makes it worth doing again.
CHECKED = frozenset({"html", "title", "meta_title", "meta_description", "primary_keyword", "secondary_keywords", "language"})
_SHOWN = frozenset({"featured", "in_article"})  # the others are the same pictures in other shapes


def check(ctx: Context, content: Content, html: str, images: Iterable[Image] | None = None) -> ArticleCheck:
    """What is wrong with the content when its body is `html` and its images are these (None: those that are stored)."""
    known = images_of(ctx, content.id) if images is None else images
    task = ctx.repository(TASK).find(content.task) if content.task else None
    return check_article(
        html,
        title=content.title,
        primary_keyword=content.primary_keyword or "",
        keywords=content.keywords,
        word_count=task.word_count if task else None,
        meta_title=content.meta_title or "",
        meta_description=content.meta_description or "",
        images=[ImageFact(i.alt, i.image_type) for i in known if i.image_type in _SHOWN],
        language=content.language,
        others=sketches(ctx, content.sector_id, without=content.id),
        faq=[one.question for one in content.faq],
        year=ctx.deps.clock.now().year,
    )


def as_fields(found: ArticleCheck) -> dict[str, Any]:
    """score, findings and blockers of a content."""
    findings = [{"code": f.code, "severity": f.severity, "message": f.message} for f in found.findings]
    return {"score": found.score, "findings": findings, "blockers": len(found.blockers)}


def scored(ctx: Context, content: Content, html: str) -> dict[str, Any]:
    """The fields that follow from a content's body: its length and its check."""
    return {"word_count": word_count(html), **as_fields(check(ctx, content, html))}

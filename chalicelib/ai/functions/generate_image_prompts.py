"""Describes the pictures of an article: the featured one and those in the text, with their alternative texts."""

from typing import Any

from chalicelib.ai.answer_fields import as_given
from chalicelib.ai.answers import ImagePrompts
from chalicelib.ai.function import AIFunction, Embed, Loaded, Options, Outcome, Skip
from chalicelib.auth.sites import get_site
from chalicelib.billing.plans import use
from chalicelib.core.context import Context
from chalicelib.system.origin import Origin
from chalicelib.writer.alternative_texts import alternative_text
from chalicelib.writer.content import CONTENT, body_html
from chalicelib.writer.html import outline
from chalicelib.writer.images import IMAGE, Image, image_id, images_of
from chalicelib.writer.scoring import as_fields, check

DEFAULT_STYLE = "editorial photograph, natural light, no text, no logos"


def load(ctx: Context, content_id: str, options: Options, embed: Embed) -> Loaded:
    """item: a content's id. Raises: Skip when it has image prompts already; NotFound."""
    content = ctx.repository(CONTENT).get(content_id)
    if content.prompts_done:
        raise Skip("This content has its image prompts already.")
    site = get_site(ctx, content.site_id)
    html = body_html(ctx, content)
    headings = [h.text for h in outline(html) if h.level == 2]
    facts = {
        "title": content.title,
        "primary_keyword": content.primary_keyword or content.title,
        "headings": headings,
        "in_article_count": min(site.in_article_images, len({h.casefold() for h in headings})),
        "style": site.image_style or DEFAULT_STYLE,
        "language": content.language,
    }
    state = {"content": content, "html": html, "present": images_of(ctx, content_id)}
    return Loaded(facts, state, 1, content.site_id)


def apply(ctx: Context, loaded: Loaded, answer: Any, provenance: Origin) -> Outcome:
    content, present = loaded.state["content"], loaded.state["present"]
    images, contents = ctx.repository(IMAGE), ctx.repository(CONTENT)
    wanted: list[tuple[str, int, Any, str | None]] = [("featured", 0, answer.featured, None)]
    headings = as_given([one.after_heading for one in answer.in_article], loaded.facts["headings"])
    wanted += [("in_article", n, one, heading) for n, (one, heading) in enumerate(zip(answer.in_article, headings, strict=True))]
    made: list[Image] = []
    taken, alts = {i.id for i in present}, [i.alt for i in present]
    for image_type, position, one, heading in wanted:
        new_id = image_id(content.id, image_type, position)
        if new_id not in taken:  # an image of the editor's own stays
            alts.append(alternative_text(one.alt, alts))
            made.append(
                images.new(
                    content.sector_id,
                    new_id,
                    content=content.id,
                    image_type=image_type,
                    position=position,
                    prompt=one.prompt,
                    alt=alts[-1],
                    after_heading=heading,
                    generated_by=provenance.provider,
                    prompt_provenance=provenance.as_json(),
                )
            )
    counts = {"images_total": content.images_total + len(made), "images_open": content.images_open + len(made)}
    judged = as_fields(check(ctx, content, loaded.state["html"], [*present, *made]))
    changed = contents.changed(content, prompts_done=True, **counts, **judged)
    writes = [w for image in made for w in images.creating(image, counted=False)]
    writes += [*images.counting((None, image) for image in made), *contents.changing(content, changed), *use(ctx, ai_requests=1)]
    return Outcome(writes, 1, {"images": [i.id for i in made]})


FUNCTION = AIFunction("generate_image_prompts", "image_prompts", "content", ImagePrompts, load, apply)

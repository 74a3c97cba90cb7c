"""Writes the article of a task."""

from typing import Any

from slugify import slugify

from chalicelib.ai import article_parts, regeneration
from chalicelib.ai.answer_fields import as_given
from chalicelib.ai.article_answers import ArticleDraft
from chalicelib.ai.function import AIFunction, Embed, Loaded, Options, Outcome, Skip
from chalicelib.ai.internal_links import linked, links_for
from chalicelib.ai.voice import voice
from chalicelib.billing.plans import use
from chalicelib.core.context import Context
from chalicelib.core.table import Write, update
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA
from chalicelib.planner.keywords import Keywords
from chalicelib.system.origin import Origin
from chalicelib.writer.checks import check_article
from chalicelib.writer.content import CONTENT, Content, body_write
from chalicelib.writer.html import word_count
from chalicelib.writer.likeness import sketch_write, sketches
from chalicelib.writer.normalization import normalize_content
from chalicelib.writer.scoring import as_fields
from chalicelib.writer.tasks import TASK


def load(ctx: Context, task_id: str, options: Options, embed: Embed) -> Loaded:
    """item: a task's id, or with `options.extra["regenerate"]` a content's. Raises: Skip when it is written already; NotFound."""
    if options.extra.get("regenerate"):
        return regeneration.load(ctx, task_id, options, embed)
    task = ctx.repository(TASK).get(task_id)
    if task.status == "completed":
        raise Skip("This task is written already.")
    idea = ctx.repository(IDEA).find(task.idea) if task.idea else None
    cluster = ctx.repository(CLUSTER).get(task.cluster)
    about = voice(ctx, task.site_id, task, idea, sector_id=task.sector_id, function="generate_content", structure=task.content_structure)
    primary = task.primary_keyword or (task.keyword_list[0] if task.keyword_list else task.title)
    facts = {
        "title": task.title,
        "description": task.description,
        "content_type": task.content_type,
        "content_structure": task.content_structure,
        "primary_keyword": primary,
        "keywords": task.keyword_list or [primary],
        "word_count": task.word_count,
        "outline": [s.model_dump() for s in idea.outline] if idea else [],
        "brief": idea.brief if idea else "",
        "cta": idea.cta if idea else "",
        "cluster": {"name": cluster.name, "description": cluster.description},
        "cluster_keywords": [{"keyword": k.keyword, "intent": k.intent} for k in Keywords(ctx).of_cluster(cluster.id)],
        "links": links_for(
            ctx, task.sector_id, task.cluster, title=task.title, keywords=task.keyword_list or [primary], language=about["language"]
        ),
        "instructions": "",
        "present_text": "",
        **{name: about[name] for name in ("language", "market", "tone", "audience", "site", "author", "strategy")},
    }
    return Loaded(facts, {"task": task, "idea": idea}, task.word_count, task.site_id)


def apply(ctx: Context, loaded: Loaded, answer: Any, provenance: Origin) -> Outcome:
    """The article under the task's own id, so that a task cannot have two."""
    if "task" not in loaded.state:
        return regeneration.apply(ctx, loaded, answer, provenance)
    task, idea, facts = loaded.state["task"], loaded.state["idea"], loaded.facts
    html = linked(normalize_content(answer.html), facts["links"], facts["language"])
    check = check_article(
        answer.html,  # as it came: what is unsafe or misplaced in it is gone from what is stored
        title=answer.title,
        primary_keyword=facts["primary_keyword"],
        keywords=facts["keywords"],
        word_count=task.word_count,
        meta_title=answer.meta_title,
        meta_description=answer.meta_description,
        images=(),
        language=facts["language"],
        others=sketches(ctx, task.sector_id),
    )
    contents, tasks, ideas = ctx.repository(CONTENT), ctx.repository(TASK), ctx.repository(IDEA)
    tail = task.id.partition("-")[2]
    content: Content = contents.new(
        task.sector_id,
        tail,
        title=answer.title,
        slug=slugify(answer.title)[:120] or tail,
        excerpt=answer.excerpt,
        word_count=word_count(html),
        meta_title=answer.meta_title,
        meta_description=answer.meta_description,
        primary_keyword=facts["primary_keyword"],
        secondary_keywords=as_given(answer.secondary_keywords, _given(facts)),
        cluster=task.cluster,
        task=task.id,
        content_type=task.content_type,
        content_structure=task.content_structure,
        language=facts["language"],
        categories=answer.categories,
        tags=answer.tags,
        faq=[f.model_dump() for f in answer.faq],
        author=(facts["author"] or {}).get("name", ""),
        revision=1,
        **as_fields(check),
        generated_by=provenance.provider,
    )
    done = tasks.changed(task, status="completed", content=content.id, generation_state="done", attempts=task.attempts + 1, last_error=None)
    writes: list[Write] = [
        *contents.creating(content),
        body_write(ctx, content.id, 1, html, provenance=provenance.as_json(), created_at=content.created_at),
        sketch_write(ctx, content.id, html, content.language),
    ]
    writes += tasks.changing(task, done)
    if idea is not None:
        writes += ideas.changing(idea, ideas.changed(idea, status="completed"))
    writes.append(update(ctx.repository(CLUSTER).key(task.cluster), "ADD content_count :one, version :one", "attribute_exists(pk)", one=1))
    writes += use(ctx, words=content.word_count, ai_requests=1)
    return Outcome(writes, task.word_count, {"content": content.id, "score": check.score})


def _given(facts: dict[str, Any]) -> list[str]:
    return [facts["primary_keyword"], *facts["keywords"], *(k["keyword"] for k in facts["cluster_keywords"])]


FUNCTION = AIFunction(
    "generate_content",
    "content",
    "task",
    ArticleDraft,
    load,
    apply,
    question=article_parts.question,
    joined=article_parts.joined,
    output_tokens=article_parts.output_tokens,
    form=article_parts.form,
)

"""Where a content comes from: its keywords, cluster, idea and task, each revision, its image prompts and pictures, and what each took."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel

from chalicelib.billing.holds import from_item, hold_key
from chalicelib.core.context import Context
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA
from chalicelib.planner.keywords import KEYWORD, Keyword
from chalicelib.system.origin import Origin
from chalicelib.writer.content import CONTENT, revisions
from chalicelib.writer.images import Image, images_of
from chalicelib.writer.tasks import TASK

Source = Literal["ai", "manual", "imported"]


class Charge(BaseModel):
    """operation: of the ledger: the id of its usage row, and the `reference` of its transaction. credits: of the whole operation, which
    may have made other objects too (one clustering makes many clusters). tries: how often it was begun."""

    operation: str
    credits: int
    tries: int


class Made(BaseModel):
    """origin: ai, manual (somebody wrote or uploaded it) or imported. provenance: of what AI made, null where it was not kept yet when it
    was made. charge: null for what took no operation."""

    origin: Source
    provenance: Origin | None
    charge: Charge | None


class KeywordOrigin(BaseModel):
    """imported: it came with an uploaded file or from the shared catalogue."""

    id: str
    keyword: str
    origin: Literal["manual", "imported"]


class PlanOrigin(Made):
    """A cluster or an idea. title: its name."""

    id: str
    title: str
    created_at: str


class TaskOrigin(BaseModel):
    """origin: idea, when it was made from one."""

    id: str
    title: str
    created_at: str
    origin: Literal["idea", "manual"]


class RevisionOrigin(Made):
    revision: int
    created_at: str
    created_by: str
    note: str
    words: int | None
    current: bool


class ImageOrigin(BaseModel):
    """prompt: who described it, the alternative text with it. picture: who drew it, null while there is none."""

    id: str
    image_type: str
    position: int
    prompt: Made
    picture: Made | None


class Spent(BaseModel):
    """Of the content itself: its revisions, image prompts and pictures, each operation once. Null where a provider does not say."""

    credits: int
    cost_usd: float | None
    tokens_in: int | None
    tokens_out: int | None


class ContentProvenance(BaseModel):
    """cluster, idea, task: null where there is none, or none any more. revisions: newest first."""

    content: str
    title: str
    origin: Source
    created_at: str
    keywords: list[KeywordOrigin]
    cluster: PlanOrigin | None
    idea: PlanOrigin | None
    task: TaskOrigin | None
    revisions: list[RevisionOrigin]
    images: list[ImageOrigin]
    spent: Spent


def provenance_of(ctx: Context, content_id: str) -> ContentProvenance:
    """The story of a content. Raises: NotFound."""
    content = ctx.repository(CONTENT).get(content_id)
    cluster = ctx.repository(CLUSTER).find(content.cluster) if content.cluster else None
    task = ctx.repository(TASK).find(content.task) if content.task else None
    idea = ctx.repository(IDEA).find(task.idea) if task and task.idea else None
    keywords = ctx.repository(KEYWORD).get_many(idea.keyword_objects).values() if idea else []
    written, images = revisions(ctx, content), images_of(ctx, content.id)
    texts = [Origin.model_validate(r["provenance"]) if r["provenance"] else None for r in written]
    found = [*texts, *(o for i in images for o in (i.prompt_provenance, i.provenance)), *(one.provenance for one in (cluster, idea) if one)]
    charges = _charges(ctx, {o.op for o in found if o and o.op})

    def made(origin: Origin | None, generated_by: str, otherwise: Source = "manual") -> dict[str, Any]:
        by_ai = origin is not None or generated_by not in ("", "upload")
        return {"origin": "ai" if by_ai else otherwise, "provenance": origin, "charge": charges.get(origin.op) if origin else None}

    def plan(one: Any, title: str) -> PlanOrigin:
        return PlanOrigin(id=one.id, title=title, created_at=one.created_at, **made(one.provenance, one.generated_by))

    def image(one: Image) -> ImageOrigin:
        by_ai = one.generated_by if one.after_heading and not one.prompt_provenance else ""  # made before provenance was kept with it
        picture = Made(**made(one.provenance, one.generated_by)) if one.image_path or one.image_url else None
        return ImageOrigin(
            **one.model_dump(include={"id", "image_type", "position"}), prompt=Made(**made(one.prompt_provenance, by_ai)), picture=picture
        )

    first: Source = "imported" if content.source == "wordpress" else "manual"
    return ContentProvenance(
        content=content.id,
        title=content.title,
        origin=first if content.source == "wordpress" or not content.generated_by else "ai",
        created_at=content.created_at,
        keywords=[_keyword(k) for k in keywords],
        cluster=plan(cluster, cluster.name) if cluster else None,
        idea=plan(idea, idea.idea_title) if idea else None,
        task=TaskOrigin(id=task.id, title=task.title, created_at=task.created_at, origin="idea" if task.idea else "manual")
        if task
        else None,
        revisions=[
            RevisionOrigin(
                **{k: r[k] for k in ("revision", "created_at", "created_by", "note", "words", "current")},
                **made(text, "", first if r["revision"] == 1 else "manual"),
            )
            for r, text in zip(written, texts, strict=True)
        ],
        images=[image(i) for i in images],
        spent=_spent([*texts, *(o for i in images for o in (i.prompt_provenance, i.provenance))], charges),
    )


def _keyword(keyword: Keyword) -> KeywordOrigin:
    imported = keyword.import_id or keyword.seed_keyword_id
    return KeywordOrigin(id=keyword.id, keyword=keyword.keyword, origin="imported" if imported else "manual")


def _charges(ctx: Context, ops: Iterable[str]) -> dict[str, Charge]:
    """Operation -> what the ledger knows of it; those that took something in the end."""
    items = ctx.deps.table.get_many(hold_key(ctx.tenant, op) for op in ops)
    settled = [hold for hold in map(from_item, items.values()) if hold.state == "settled"]
    return {hold.op: Charge(operation=hold.op, credits=hold.used, tries=hold.attempt) for hold in settled}


def _spent(origins: Iterable[Origin | None], charges: dict[str, Charge]) -> Spent:
    """Each operation once: image prompts of one content have one in common."""
    each = {o.op: o for o in origins if o is not None}
    credits = sum(charges[op].credits for op in each if op in charges)
    sums = {}
    for name in ("cost_usd", "tokens_in", "tokens_out"):
        values = [getattr(o, name) for o in each.values() if name == "cost_usd" or o.function != "generate_images"]
        sums[name] = None if any(v is None for v in values) else sum(values)
    return Spent(credits=credits, **sums)

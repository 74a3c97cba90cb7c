"""What a content says of itself to its publishing target: terms made and linked, the cluster it serves, its fields by their names there."""

from contextlib import suppress
from typing import Any

from chalicelib.core.context import Context
from chalicelib.core.errors import Duplicate
from chalicelib.writer.cluster_map import CLUSTER_MAP
from chalicelib.writer.content import Content
from chalicelib.writer.editing import Editor
from chalicelib.writer.taxonomies import TAXONOMY, ensure_terms
from chalicelib.writer.terms import linked, with_terms

HUBS = frozenset({"guide", "landing_page", "hub"})  # structures that stand for their whole cluster


def map_metadata(ctx: Context, content_id: str) -> dict[str, Any]:
    """Make and link the terms of the content's categories and tags, map it to its cluster, and show what a target will be given.

    Doing it again changes nothing. Raises: NotFound.
    """
    editor = Editor(ctx)
    content = editor.get(content_id)
    ids = [
        *ensure_terms(ctx, content.site_id, content.sector_id, content.categories, "category"),
        *ensure_terms(ctx, content.site_id, content.sector_id, content.tags, "tag"),
    ]
    terms = list(ctx.repository(TAXONOMY).get_many(ids).values())
    content = editor.revise(content_id, lambda old: with_terms(old, [t for t in terms if t.id not in old.taxonomy_terms], []))
    role = _mapped(ctx, content)
    shown = [{"id": t.id, "name": t.name, "taxonomy_type": t.taxonomy_type, "external_id": t.external_id} for t in linked(ctx, content)]
    return {
        "content": content.id,
        "taxonomy_terms": shown,
        "cluster": content.cluster,
        "role": role,
        "metadata": {
            "title": content.title,
            "slug": content.slug,
            "excerpt": content.excerpt,
            "meta_title": content.meta_title or content.title,
            "meta_description": content.meta_description or content.excerpt,
            "focus_keyword": content.primary_keyword,
            "keywords": content.keywords,
            "language": content.language,
            "content_type": content.content_type,
        },
    }


def _mapped(ctx: Context, content: Content) -> str | None:
    """The content's role in its cluster, noted in the cluster map; None without a cluster."""
    if content.cluster is None:
        return None
    repository = ctx.repository(CLUSTER_MAP)
    role = "hub" if content.content_structure in HUBS else "supporting"
    record = repository.new(
        content.sector_id,
        content=content.id,
        cluster=content.cluster,
        role=role,
        source="blueprint",
        keywords=content.keywords,
        slugs=[content.slug],
    )
    with suppress(Duplicate):  # it was mapped before
        repository.create(record)
    return role

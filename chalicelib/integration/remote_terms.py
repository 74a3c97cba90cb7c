"""Categories and tags of a publishing target, known here as taxonomy terms with their ids there."""

from collections.abc import Iterable
from typing import Any

from slugify import slugify

from chalicelib.core.context import Context
from chalicelib.core.errors import Duplicate
from chalicelib.ports import Term
from chalicelib.writer.taxonomies import TAXONOMY

EXTERNAL = {"category": "category", "tag": "post_tag"}  # WordPress's names


def take_terms(ctx: Context, site_id: str, terms: Iterable[Term]) -> int:
    """Make or update the site's terms of these remote ones, and say how many there were. A term that we had made ourselves by the same
    slug becomes the remote one. Raises: TableBusy, Stale."""
    taken = 0
    for term in terms:
        taken += 1
        _take(ctx, site_id, term)
    return taken


def _take(ctx: Context, site_id: str, term: Term) -> None:
    repository = ctx.repository(TAXONOMY)
    slug = (term.slug or slugify(term.name))[:200]
    if not slug or not term.name.strip():
        return
    external: dict[str, Any] = {"external_id": term.external_id, "external_taxonomy": EXTERNAL[term.taxonomy]}
    fields: dict[str, Any] = {"name": term.name.strip()[:200], **external, "sync_status": "synced"}
    for _ in range(3):  # two messages of one sync may take the same term at once
        found = repository.holder(site_id, **external) or repository.holder(site_id, slug=slug, taxonomy_type=term.taxonomy)
        try:
            if found is None:
                repository.create(repository.new(site_id, slug=slug, taxonomy_type=term.taxonomy, **fields))
                return
            record = repository.find(found)
            if record is not None and any(getattr(record, name) != value for name, value in fields.items()):
                repository.patch(found, fields)
            return
        except Duplicate:
            continue

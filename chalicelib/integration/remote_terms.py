"""Categories and tags of a publishing target, known here as taxonomy terms with their ids there."""

from collections.abc import Iterable
from typing import Any

from slugify import slugify

from chalicelib.core.context import Context
from chalicelib.core.errors import Conflict, Duplicate
from chalicelib.integration.connections import Connections
from chalicelib.integration.publish_record import known, record_key
from chalicelib.integration.publish_requests import request
from chalicelib.integration.publishing import NoTarget
from chalicelib.integration.remote import remote_site
from chalicelib.ports import Term
from chalicelib.writer.content import CONTENT
from chalicelib.writer.editing import Editor
from chalicelib.writer.taxonomies import TAXONOMY
from chalicelib.writer.terms import with_terms

UNCATEGORIZED = "uncategorized"  # what WordPress gives a post without a category
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


def sync_terms(ctx: Context, content_id: str) -> dict[str, Any]:
    """Make a published content and its remote post carry the same terms: {pulled: names that the content lacked, pushed: whether the post
    lacked some and is updated, by task_id}. Nothing is taken away on either side.

    Raises: NotFound, NoTarget, Conflict (not published, or a target that cannot be read), UpstreamUnavailable, UpstreamRejected.
    """
    content = ctx.repository(CONTENT).get(content_id)
    connection = Connections(ctx).active(content.site_id)
    if connection is None:
        raise NoTarget()
    post = known(ctx.deps.table.get(record_key(ctx, content, connection)))
    if post is None or content.status != "published":
        raise Conflict("This content is not published; its terms go along when it is.")
    state = remote_site(ctx, connection, waited_for=True).states([post])[post.external_id]
    if state.status == "gone":
        raise Conflict("Its post is gone there; publish it again.")
    remote = [t for t in state.terms if t.slug != UNCATEGORIZED]
    take_terms(ctx, content.site_id, remote)
    ids = [i for t in remote if (i := _own_id(ctx, content.site_id, t)) is not None]
    added = [t for t in ctx.repository(TAXONOMY).get_many(ids).values() if t.id not in content.taxonomy_terms]
    there = {_folded(t.name) for t in remote}
    ours = [*content.categories, *content.tags]
    here = {_folded(name) for name in ours}
    if added:
        Editor(ctx).revise(content_id, lambda old: with_terms(old, added, []))
    lacking = any(_folded(name) not in there for name in ours)
    task = request(ctx, content_id, force=True)["task_id"] if lacking else None
    return {"pulled": sorted(t.name for t in remote if _folded(t.name) not in here), "pushed": lacking, "task_id": task}


def _own_id(ctx: Context, site_id: str, term: Term) -> str | None:
    return ctx.repository(TAXONOMY).holder(site_id, external_id=term.external_id, external_taxonomy=EXTERNAL[term.taxonomy])


def _folded(name: str) -> str:
    """A category's own name, without those above it."""
    return " ".join(name.rpartition(" > ")[2].split()).casefold()

"""Which taxonomy terms a content carries: the links, the terms' own counts, and the names that are published."""

from collections.abc import Iterable
from typing import Any

from chalicelib.core.context import Context
from chalicelib.core.errors import NotFound, ValidationFailed
from chalicelib.core.table import Write, update
from chalicelib.writer.content import Content
from chalicelib.writer.taxonomies import TAXONOMY, Taxonomy

MAX_CHANGED = 50  # terms one write links or unlinks


def linked(ctx: Context, content: Content) -> list[Taxonomy]:
    """The content's terms that still exist."""
    return list(ctx.repository(TAXONOMY).get_many(content.taxonomy_terms).values())


def known_terms(ctx: Context, site_id: str, ids: Any) -> list[Taxonomy]:
    """The terms of these ids, of this site. Raises: ValidationFailed."""
    if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
        raise ValidationFailed.field("taxonomy_terms", "must be a list of ids.")
    found = ctx.repository(TAXONOMY).get_many(ids)
    if len(found) < len(set(ids)) or any(t.site_id != site_id for t in found.values()):
        raise ValidationFailed.field("taxonomy_terms", "holds an id that is no term of this site.")
    return list(found.values())


def with_terms(content: Content, added: Iterable[Taxonomy], removed: Iterable[Taxonomy]) -> dict[str, Any]:
    """The content's fields with these terms more and those less, the names among its categories and tags too."""
    added, removed = list(added), list(removed)
    gone = {t.id for t in removed}
    ids = [i for i in dict.fromkeys([*content.taxonomy_terms, *(t.id for t in added)]) if i not in gone]

    def names(field: str, taxonomy_type: str) -> list[str]:
        without = {t.name.casefold() for t in removed if t.taxonomy_type == taxonomy_type}
        all_names = [*getattr(content, field), *(t.name for t in added if t.taxonomy_type == taxonomy_type)]
        return list({n.casefold(): n for n in reversed(all_names) if n.casefold() not in without}.values())[::-1]

    return {"taxonomy_terms": ids, "categories": names("categories", "category"), "tags": names("tags", "tag")}


def count_writes(ctx: Context, old: Content | None, new: Content) -> list[Write]:
    """The writes that keep the terms' counts, for the transaction that changes the content so. Raises: ValidationFailed."""
    before = set(old.taxonomy_terms) if old is not None and not old.deleted_at else set()
    after = set(new.taxonomy_terms) if not new.deleted_at else set()
    if len(before ^ after) > MAX_CHANGED:
        raise ValidationFailed.field("taxonomy_terms", f"change at most {MAX_CHANGED} terms at once.")
    repository = ctx.repository(TAXONOMY)
    gone = set(repository.get_many(before - after)) if before - after else set()  # a term deleted meanwhile counts nothing
    steps = [(i, 1) for i in sorted(after - before)] + [(i, -1) for i in sorted(gone)]
    missing = NotFound("One of the terms does not exist any more.")
    return [
        update(
            repository.key(i),
            "ADD #count :step, version :one",
            "attribute_exists(pk)",
            names={"#count": "count"},
            on_fail=lambda old: missing,
            step=step,
            one=1,
        )
        for i, step in steps
    ]

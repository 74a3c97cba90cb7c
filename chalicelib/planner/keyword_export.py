"""Keywords as CSV, in the columns that the import reads back."""

from typing import Any

from chalicelib.core.context import Context
from chalicelib.core.errors import NotFound, TooLarge, ValidationFailed
from chalicelib.core.repository import ListRequest
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.keyword_files import write_keyword_csv
from chalicelib.planner.keywords import KEYWORD, Keyword, Keywords

MAX_ROWS = 50_000  # about 4 MB: what Lambda can answer
MAX_IDS = 1_000
PAGE = 1_000


def export(ctx: Context, given: dict[str, str]) -> str:
    """The CSV text of the keywords that the parameters choose. given: `ids`, or owners, filters and search as of the list.

    Raises: ValidationFailed, NotFound, TooLarge.
    """
    rows = _named(ctx, given["ids"]) if "ids" in given else _chosen(ctx, given)
    clusters = ctx.repository(CLUSTER).get_many(k.cluster for k in rows if k.cluster)
    names = {i: c.name for i, c in clusters.items()}
    return write_keyword_csv({**k.model_dump(), "cluster": names.get(k.cluster or "")} for k in rows).decode()


def _named(ctx: Context, text: str) -> list[Keyword]:
    ids = [i.strip() for i in text.split(",") if i.strip()]
    if not 1 <= len(ids) <= MAX_IDS:
        raise ValidationFailed.field("ids", f"takes 1 to {MAX_IDS} ids, separated by commas.")
    found = ctx.repository(KEYWORD).get_many(ids)
    if missing := [i for i in ids if i not in found]:
        raise NotFound(f"There is no keyword {missing[0][:120]}.")
    return list(found.values())


def _chosen(ctx: Context, given: dict[str, str]) -> list[Keyword]:
    service, filters = Keywords(ctx), {}
    for name, rule in KEYWORD.filters.items():
        if name in given:
            filters[name] = rule.parse(name, given[name])
            if rule.related is not None and ctx.repository(rule.related()).find(filters[name]) is None:
                raise NotFound(f"{name}: there is no such object.")
    owners = service.owners(given.get("site_id"), given.get("sector_id"))
    rows: list[Keyword] = []
    starts: dict[str, Any] = {}
    while True:
        asked = ListRequest(owners, filters, given.get("search", ""), "created_at", PAGE, starts)
        page = service.repository.page(asked)
        rows += service.repository.records(page.rows)
        if len(rows) > MAX_ROWS:
            raise TooLarge(f"There are more than {MAX_ROWS:,} keywords; export one sector at a time, or with filters.")
        if not page.more:
            return rows
        starts = page.ends

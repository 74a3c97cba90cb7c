"""The review queue: contents that wait for an editor, of one site or of all that the caller sees, by score or by age.

Both orders read an index from the first row that is shown: byV holds the score of those that wait and of no others, byD begins with the
status. A page is one query for each sector, however many contents the sectors have.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from chalicelib.automation.config import config_of
from chalicelib.automation.stages import passes
from chalicelib.core.context import Context
from chalicelib.core.entity import Filter, rank_base
from chalicelib.core.ids import parse_stamp, stamp
from chalicelib.core.listing import Condition
from chalicelib.core.parameters import list_parameters
from chalicelib.core.repository import ListRequest, Repository
from chalicelib.core.service import Service
from chalicelib.core.table import Query
from chalicelib.integration.slots import in_use, place_key, places_after
from chalicelib.planner.names import with_names
from chalicelib.writer.content import CONTENT, Content, waiting_contents

_REVIEW = CONTENT.ranked[1].index("review") if CONTENT.ranked else 0
_SHOWN = (
    "id", "site_id", "sector_id", "sector_name", "cluster", "cluster_name", "title", "content_type", "primary_keyword", "language",
    "author", "word_count", "score", "blockers", "images_total", "images_open", "approved", "note", "created_at", "updated_at", "version",
)  # fmt: skip
FINDINGS_SHOWN = 3

# Another name than the contents' own, because a cursor fits lists of one name only.
QUEUE = replace(
    CONTENT,
    name="review_item",
    plural="contents in review",
    orderings={"score": "v", "created_at": "d"},
    default_ordering="created_at",
    filters={
        "approved": CONTENT.filters["approved"],
        "cluster": CONTENT.filters["cluster"],
        "content_type": CONTENT.filters["content_type"],
        "score_min": Filter("score", "ge", "integer"),
        "score_max": Filter("score", "le", "integer"),
        "blockers_max": Filter("blockers", "le", "integer"),
    },
)
_PARAMETERS = list_parameters(QUEUE)
ReviewQueueParameters = create_model(
    "ReviewQueueParameters",
    __config__=ConfigDict(extra="forbid"),
    **{name: (f.annotation, f) for name, f in _PARAMETERS.model_fields.items() if name != "deleted"},  # type: ignore[call-overload]
)


class Findings(BaseModel):
    """How many findings of the content check there are of each severity, and what the gravest say."""

    blocker: int
    warning: int
    info: int
    gravest: list[str]


class ReviewItem(BaseModel):
    """A content that waits for an editor.

    age_seconds: since it was written. images_ready: it has images and none is still to be drawn. passes: automation would publish it
    without an editor, by the site's publish mode and gate. next_slot: when it would go online if it were put on the site's schedule now;
    null where the site has no slots in use, or every place of the coming year is taken.
    """

    id: str
    site_id: str
    sector_id: str
    sector_name: str | None
    cluster: str | None
    cluster_name: str | None
    title: str
    content_type: str
    primary_keyword: str | None
    language: str
    author: str
    word_count: int
    score: int | None
    blockers: int
    findings: Findings
    images_total: int
    images_open: int
    images_ready: bool
    approved: bool
    note: str | None
    passes: bool
    next_slot: str | None
    age_seconds: int
    created_at: str
    updated_at: str
    version: int


class _Waiting(Repository[Content]):
    """The contents of a list request that wait for review: not those whose time is set, nor those an editor has taken back."""

    def plan(self, request: ListRequest) -> tuple[bool, str, tuple[Condition, ...]]:
        descending, attribute, conditions = super().plan(request)
        if attribute == "v":
            return descending, attribute, (*conditions, Condition("v", ">=", 0))
        names = [f"{self.scope.tenant}#{waiting_contents(owner, 'review')}" for owner in request.owners]
        between = Condition("d", "between", (rank_base(_REVIEW), rank_base(_REVIEW + 1) - 1))
        return descending, attribute, (*conditions, between, Condition("cl", "in", names))

    def count(self, owners: Any, filters: dict[str, Any]) -> int | None:
        return None  # what is maintained counts every content in review


class ReviewQueue(Service[Content]):
    entity = QUEUE

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self.repository = _Waiting(QUEUE, ctx.scope, ctx.deps.table, ctx.deps.clock)

    def present(self, records: Sequence[Content]) -> list[dict[str, Any]]:
        now = self.ctx.deps.clock.now()
        sites = sorted({r.site_id for r in records})
        configs, slots = {s: config_of(self.ctx, s) for s in sites}, {s: next_place(self.ctx, s) for s in sites}
        return [
            {
                **{name: shown[name] for name in _SHOWN},
                "findings": _summary(record),
                "images_ready": record.images_total > 0 and record.images_open == 0,
                "passes": passes(record, configs[record.site_id]),
                "next_slot": slots[record.site_id],
                "age_seconds": int((now - parse_stamp(record.created_at)).total_seconds()),
            }
            for record, shown in zip(records, with_names(self.ctx, records), strict=True)
        ]


def _summary(content: Content) -> dict[str, Any]:
    found = Counter(f.severity for f in content.findings)
    gravest = [f.message for f in content.findings[:FINDINGS_SHOWN]]  # they are kept with the gravest first
    return {**{severity: found[severity] for severity in ("blocker", "warning", "info")}, "gravest": gravest}


def next_place(ctx: Context, site_id: str) -> str | None:
    """The first free place of the site's slots from now on; None where they are not in use or every place of the coming year is taken."""
    slots, now = in_use(ctx, site_id), ctx.deps.clock.now()
    if slots is None:
        return None
    partition, yesterday = place_key(ctx, site_id, "")[0], (now - timedelta(days=1)).date().isoformat()  # a zone may be behind UTC
    rows = ctx.deps.table.query_all(Query(partition, condition="sk >= :from", values={":from": yesterday}, consistent=True))
    taken = {str(row["sk"]) for row in rows}
    return next((stamp(moment) for moment, name in places_after(slots, now) if name not in taken), None)

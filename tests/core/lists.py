"""Random objects of the entities that lists are tested with, and the plain answer to a list request: filter, sort, done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from chalicelib.core.entity import Entity
from chalicelib.core.repository import ListRequest
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA
from chalicelib.planner.keywords import KEYWORD
from chalicelib.writer.content import CONTENT
from chalicelib.writer.tasks import TASK

# Few words and values, so that there are many ties and many hits.
TITLES = st.lists(st.sampled_from(["Oak", "oak", "Pine", "ash tree", "Elm", "ÄPFEL"]), min_size=1, max_size=3).map(" ".join)
NUMBERS = st.none() | st.integers(0, 4)
CLUSTERS = ("1", "2")  # tails of cluster ids; the id is `<sector>-<tail>`
WORDS = ("oak", "PINE", "ash tree", "äpfel", "nothing has this")


@dataclass(frozen=True)
class Listed:
    """An entity under test. fields: the random fields of one object; cluster: the field that holds a cluster's id."""

    entity: Entity[Any]
    fields: dict[str, st.SearchStrategy[Any]]
    cluster: str = "cluster"
    cluster_required: bool = False
    text: Callable[[Any], str] = lambda record: str(record.title)

    @property
    def rows(self) -> st.SearchStrategy[dict[str, Any]]:
        clusters = st.sampled_from(CLUSTERS) if self.cluster_required else st.none() | st.sampled_from(CLUSTERS)
        extra = {"_cluster": clusters} if self.cluster else {}
        return st.fixed_dictionaries(
            {**self.fields, **extra, "_sector": st.integers(0, 3), "_gone": st.sampled_from([False, False, False, True])}
        )

    def values(self, name: str) -> list[str]:
        """Texts to filter by `name` with: all that there may be, and some that never match."""
        rule = self.entity.filters[name]
        if rule.choices:
            return list(rule.choices)
        if rule.kind == "boolean":
            return ["true", "false"]
        if rule.kind == "integer":
            return ["-3", "0", "1", "3", "200"]
        return [*CLUSTERS] if rule.related else ["article", "guide", "seed1", "unknown"]


LISTED = {
    "keyword": Listed(
        KEYWORD,
        {
            "keyword": TITLES,
            "volume_override": NUMBERS,
            "difficulty_override": NUMBERS,
            "intent_override": st.sampled_from([None, "commercial", "navigational"]),
            "seed_keyword_id": st.sampled_from([None, "seed1", "seed2"]),
            "status": st.sampled_from(["new", "mapped"]),
        },
        text=lambda r: r.keyword,
    ),
    "cluster": Listed(
        CLUSTER,
        {
            "name": TITLES,
            "volume": NUMBERS,
            "difficulty": NUMBERS,
            "keywords_count": st.integers(0, 3),
            "status": st.sampled_from(["new", "mapped"]),
        },
        cluster="",
        text=lambda r: r.name,
    ),
    "idea": Listed(
        IDEA,
        {
            "idea_title": TITLES,
            "description": st.sampled_from(["", "about Pine"]),
            "target_keywords": st.lists(st.sampled_from(["oak", "larch"]), max_size=2),
            "status": st.sampled_from(["new", "queued", "completed"]),
        },
        cluster="keyword_cluster",
        text=lambda r: " ".join([r.idea_title, r.description, *r.target_keywords]),
    ),
    "task": Listed(
        TASK,
        {
            "title": TITLES,
            "keywords": st.sampled_from(["", "oak, larch"]),
            "status": st.sampled_from(["queued", "completed"]),
            "word_count": st.sampled_from([100, 101, 5000]),
            "content_type": st.sampled_from(["post", "page"]),
            "content_structure": st.sampled_from(["article", "guide"]),
        },
        cluster_required=True,
        text=lambda r: f"{r.title} {r.keywords}",
    ),
    "content": Listed(
        CONTENT,
        {
            "title": TITLES,
            "status": st.sampled_from(["draft", "review", "published"]),
            "content_type": st.sampled_from(["post", "page"]),
            "content_structure": st.sampled_from(["article", "guide"]),
            "source": st.sampled_from(["igny8", "wordpress"]),
            "sync_status": st.sampled_from(["none", "failed"]),
        },
        cluster_required=True,
    ),
}


def orderings(entity: Entity[Any]) -> list[str]:
    return [sign + name for name in entity.orderings for sign in ("", "-")]


def expected(listed: Listed, records: Sequence[Any], request: ListRequest) -> list[Any]:
    """The whole list that the request asks for, made the simple way."""
    entity = listed.entity
    rows = [r for r in records if bool(r.deleted_at) == request.deleted and entity.place.owner(r.id) in request.owners]
    for name, value in request.filters.items():
        rule = entity.filters[name]
        holds = {"eq": lambda a, b: a == b, "ge": lambda a, b: a is not None and a >= b, "le": lambda a, b: a is not None and a <= b}[
            rule.op
        ]
        rows = [r for r in rows if holds(getattr(r, rule.field), value)]
    if request.search:
        rows = [r for r in rows if request.search.casefold() in listed.text(r).casefold()]
    ordering = request.ordering or entity.default_ordering
    descending, name = ordering.startswith("-"), ordering.lstrip("-")

    def key(record: Any) -> tuple[Any, ...]:
        ties = (entity.place.owner(record.id), record.id)
        if name == "created_at":
            return (True, record.order)
        if name == "status":
            assert entity.ranked is not None
            return (True, entity.ranked[1].index(record.status), record.order)
        value = getattr(record, entity.index[entity.orderings[name]])
        value = value.casefold() if isinstance(value, str) else value
        return (value is not None, 0 if value is None else value, *ties)

    if descending:
        return sorted(rows, key=key, reverse=True)
    return sorted(rows, key=lambda r: (not key(r)[0], *key(r)[1:]))

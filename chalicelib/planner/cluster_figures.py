"""Keeps a cluster's figures right in the very transaction that changes one of its keywords, ideas or contents."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from chalicelib.core.context import Context
from chalicelib.core.errors import NotFound
from chalicelib.core.table import Write
from chalicelib.planner.clusters import CLUSTER, Cluster, mean


@dataclass
class Delta:
    """What is added to a cluster's figures; volume and difficulty with the number of keywords that have one."""

    keywords: int = 0
    volume: int = 0
    volumes: int = 0
    difficulty: int = 0
    difficulties: int = 0
    ideas: int = 0
    contents: int = 0
    pages: int = 0

    def keyword(self, keyword: Any, step: int) -> None:
        self.keywords += step
        if keyword.volume is not None:
            self.volume += step * keyword.volume
            self.volumes += step
        if keyword.difficulty is not None:
            self.difficulty += step * keyword.difficulty
            self.difficulties += step

    def applied(self, cluster: Cluster) -> dict[str, Any]:
        """The cluster's new figures."""
        volumes, volume = max(0, cluster.keywords_with_volume + self.volumes), max(0, (cluster.volume or 0) + self.volume)
        total = max(0, cluster.difficulty_total + self.difficulty)
        difficulties = max(0, cluster.keywords_with_difficulty + self.difficulties)
        return {
            "keywords_count": max(0, cluster.keywords_count + self.keywords),
            "volume": volume if volumes else None,
            "keywords_with_volume": volumes,
            "difficulty": mean(total, difficulties),
            "difficulty_total": total,
            "keywords_with_difficulty": difficulties,
            "ideas_count": max(0, cluster.ideas_count + self.ideas),
            "content_count": max(0, cluster.content_count + self.contents),
            "mapped_pages": max(0, cluster.mapped_pages + self.pages),
        }


Pairs = Iterable[tuple[Any, Any]]  # (record before, record after), None where there was or is none


def keyword_deltas(pairs: Pairs) -> dict[str, Delta]:
    """By cluster id, for keywords that change so."""
    return _deltas(pairs, "cluster", lambda delta, keyword, step: delta.keyword(keyword, step))


def idea_deltas(pairs: Pairs) -> dict[str, Delta]:
    def count(delta: Delta, idea: Any, step: int) -> None:
        delta.ideas += step

    return _deltas(pairs, "keyword_cluster", count)


def content_deltas(pairs: Pairs) -> dict[str, Delta]:
    def count(delta: Delta, content: Any, step: int) -> None:
        delta.contents += step
        delta.pages += step * (content.status == "published")

    return _deltas(pairs, "cluster", count)


def _deltas(pairs: Pairs, field: str, count: Any) -> dict[str, Delta]:
    found: dict[str, Delta] = {}
    for before, after in pairs:
        for record, step in ((before, -1), (after, 1)):
            if record is not None and not record.deleted_at and getattr(record, field):
                count(found.setdefault(getattr(record, field), Delta()), record, step)
    return {i: d for i, d in found.items() if d != Delta()}


def figure_writes(ctx: Context, deltas: dict[str, Delta], *, needed: Iterable[str] = (), mapped: bool = False) -> list[Write]:
    """The writes that apply the deltas, to deleted clusters too, so that a restored one is right.

    needed: clusters that must not be deleted. mapped: clusters that gain ideas become `mapped`.
    Raises: NotFound when a needed cluster does not exist any more. Condition error: Stale.
    """
    repository, needed = ctx.repository(CLUSTER), set(needed)
    writes: list[Write] = []
    for public_id, delta in deltas.items():
        cluster = repository.find(public_id, deleted=True)
        if cluster is None or (cluster.deleted_at and public_id in needed):
            if public_id in needed:
                raise NotFound("This cluster does not exist any more.")
            continue
        values = delta.applied(cluster)
        if mapped and delta.ideas > 0:
            values["status"] = "mapped"
        writes += repository.changing(cluster, repository.changed(cluster, **values))
    return writes

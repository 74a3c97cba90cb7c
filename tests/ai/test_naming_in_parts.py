"""Clusters of a large sector are named over as many Lambdas as a slow model needs: no answer is asked for twice, no keyword is lost or
doubled, and the credits are charged once."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from chalicelib.ai import registry
from chalicelib.ai.engine import Done, run
from chalicelib.ai.functions.auto_cluster import NAMED_AT_ONCE
from chalicelib.billing.audit import audit_account
from chalicelib.billing.credits import ledger_of
from chalicelib.core.context import Context, Deps
from chalicelib.core.errors import UpstreamUnavailable
from chalicelib.core.table import Table, Write
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.keyword_identity import keyword_id
from chalicelib.planner.keywords import KEYWORD, Keywords
from chalicelib.ports import TextAnswer, TextRequest
from tests.automation.faults import LambdaDied
from tests.automation.pipeline import new_account
from tests.conftest import Place, make_site

CLUSTERS = 2 * NAMED_AT_ONCE + 5
WORDS = [f"{'abcdefghijklmnop'[n // 26]}{chr(97 + n % 26)}word" for n in range(CLUSTERS)]


class ByWord:
    """A keyword's first word is its direction, so that a test knows its clusters."""

    provider, model, threshold = "offline", "by-word", 0.5

    def embed(self, texts: Sequence[str]) -> Any:
        return np.stack([np.eye(1, CLUSTERS, WORDS.index(text.split()[0]), dtype=np.float32)[0] for text in texts])


@dataclass
class SlowNamer:
    """Names clusters; within one Lambda only `per_lambda` questions are answered in time. how: what ends it, as the adapter says it
    (no time left for another call) or as Lambda does (the process is gone)."""

    per_lambda: int
    how: BaseException
    answered: list[list[str]] = field(default_factory=list)
    left: int = 0
    provider: str = "slow"
    model: str = "slow-1"

    def complete(self, request: TextRequest) -> TextAnswer:
        if not self.left:
            raise self.how
        self.left -= 1
        first = {c["key"]: c["keywords"][0]["keyword"] for c in request.facts["clusters"]}
        self.answered.append(list(first.values()))
        named = [{"key": k, "name": f"The {word}", "description": "What these searchers want."} for k, word in first.items()]
        return TextAnswer(json.dumps({"clusters": named}), self.model, self.provider, 10, 20, 0.5)


class Mortal(Table):
    """Dies at the n-th transaction that moves keywords into a cluster."""

    until: int | None = None

    def transact(self, actions: Sequence[Write]) -> None:
        if self.until is not None and any(a.item and a.item.get("kind") == "cluster" for a in actions):
            self.until -= 1
            if not self.until:
                raise LambdaDied()
        super().transact(actions)


def sector(deps: Deps, namer: SlowNamer) -> tuple[Context, Place]:
    owner = new_account(replace(deps, text=lambda choice: namer, embedder=lambda choice: ByWord()))
    place = make_site(owner)[0]
    keywords = owner.repository(KEYWORD)
    for text in WORDS:
        keywords.create(keywords.new(place.sector_id, keyword_id(text, None, ""), keyword=text))
    return owner, place


def lambdas(owner: Context, place: Place, namer: SlowNamer) -> tuple[Done, int]:
    """Run until it is done, in a new Lambda each time. Returns how many it took."""
    for number in range(1, 20):
        namer.left = namer.per_lambda
        try:
            return run(owner, registry.get("auto_cluster"), place.sector_id, op="run.1.sector"), number
        except (UpstreamUnavailable, LambdaDied):
            continue
    raise AssertionError("it never ends")


def check(owner: Context, place: Place) -> None:
    """Every keyword is in one cluster, which is named after it, and the ledger adds up."""
    clusters = owner.repository(CLUSTER).under((f"{owner.tenant}#{place.sector_id}#C", ""))
    homes = [(c.name, k.keyword) for c in clusters for k in Keywords(owner).of_cluster(c.id)]
    assert sorted(homes) == sorted((f"The {word}", word) for word in WORDS)
    assert len(clusters) == CLUSTERS and all(c.keywords_count == 1 for c in clusters) and Keywords(owner).pending(place.sector_id) == []
    assert ledger_of(owner).balance().reserved == 0 and audit_account(owner.deps.table, owner.tenant) == []


@pytest.mark.parametrize("how", [UpstreamUnavailable("no time", reason="no_time"), LambdaDied()], ids=["in time", "by death"])
def test_a_model_that_is_too_slow_for_one_lambda(deps: Deps, how: BaseException) -> None:
    namer = SlowNamer(1, how)
    owner, place = sector(deps, namer)
    before = ledger_of(owner).balance().balance
    done, number = lambdas(owner, place, namer)
    assert number == 3 and [len(words) for words in namer.answered] == [NAMED_AT_ONCE, NAMED_AT_ONCE, 5]
    assert set(Counter(word for words in namer.answered for word in words).values()) == {1}, "no cluster is named twice"
    assert (done.credits, before - ledger_of(owner).balance().balance) == (10, 10), "125 keywords are two started hundreds"
    check(owner, place)


def test_a_death_while_the_clusters_are_saved(deps: Deps) -> None:
    namer = SlowNamer(5, LambdaDied())
    table = Mortal(deps.table.client, deps.table.name, lambda seconds: None)
    owner, place = sector(replace(deps, table=table), namer)
    before = ledger_of(owner).balance().balance
    table.until = 90
    done, number = lambdas(owner, place, namer)
    assert number == 2 and len(done.result["clusters"]) == CLUSTERS - 89, "what was saved stays"
    assert done.credits == before - ledger_of(owner).balance().balance == 10
    check(owner, place)

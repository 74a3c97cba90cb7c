"""Grouping keeps every keyword exactly once, finds what belongs together, grows existing clusters and stays exact by blocks."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.ai.clustering import BLANK, NO_VECTOR, Grouping, Left, group
from chalicelib.ai.linkage import average_linkage, blocks, link

THRESHOLD = 0.6


def topics(sizes: list[int], spread: float = 0.25, width: int = 48, seed: int = 1) -> tuple[list[str], Any, Any]:
    """Texts, unit vectors and topic numbers of well-separated topics of the given sizes, shuffled."""
    random = np.random.default_rng(seed)
    middles = random.standard_normal((len(sizes), width))
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    topic = np.repeat(np.arange(len(sizes)), sizes)
    random.shuffle(topic)
    vectors = middles[topic] + random.standard_normal((len(topic), width)) * spread / np.sqrt(width)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [f"keyword {at}" for at in range(len(topic))], vectors.astype(np.float32), topic


def places(grouping: Grouping) -> list[int]:
    return sorted(
        [
            *(at for group_ in grouping.new for at in group_),
            *(at for joined in grouping.joined.values() for at in joined),
            *(one.index for one in grouping.left),
        ]
    )


def members(topic: Any) -> set[tuple[int, ...]]:
    return {tuple(np.flatnonzero(topic == one).tolist()) for one in np.unique(topic)}


def test_topics_are_found_largest_first() -> None:
    texts, vectors, topic = topics([9, 14, 5, 20, 7])
    grouping = group(texts, vectors, THRESHOLD)
    assert set(grouping.new) == members(topic)
    assert [len(one) for one in grouping.new] == [20, 14, 9, 7, 5]
    assert grouping.joined == {} and grouping.left == ()
    assert group(texts, vectors, THRESHOLD) == grouping


def test_the_linkage_is_the_average_linkage_of_scipy() -> None:
    scipy = pytest.importorskip("scipy.cluster.hierarchy")
    vectors = np.random.default_rng(3).standard_normal((120, 12)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for threshold in (0.3, 0.6, 0.9):
        condensed = [1 - float(a @ b) for a, b in combinations(vectors.astype(np.float64), 2)]
        theirs = scipy.fcluster(scipy.linkage(condensed, "average"), threshold, "distance")
        ours = average_linkage(vectors, np.ones(120, np.float32), np.zeros(120, bool), threshold)
        assert members(ours) == members(theirs)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["", " ", "coffee", "tea", "milk jug"]), st.integers(-1, 5)), max_size=40),
    st.integers(1, 6),
    st.integers(2, 8),
    st.booleans(),
)
def test_every_keyword_ends_in_exactly_one_place(keywords: list[tuple[str, int]], max_size: int, block: int, with_existing: bool) -> None:
    random = np.random.default_rng(0)
    directions = random.standard_normal((6, 4))
    vectors = np.array([directions[at] if at >= 0 else np.zeros(4) for _, at in keywords], np.float32).reshape(-1, 4)
    existing = [("a", directions[:2]), ("b", directions[2:3]), ("empty", np.zeros((0, 4)))] if with_existing else []
    grouping = group([text for text, _ in keywords], vectors, 0.5, existing, max_size=max_size, block=block)
    assert places(grouping) == list(range(len(keywords)))
    assert all(1 <= len(one) <= max_size for one in grouping.new)
    assert all(1 <= len(one) <= max_size for one in grouping.joined.values())
    assert {one.index for one in grouping.left} == {at for at, (text, axis) in enumerate(keywords) if not text.strip() or axis < 0}


def test_what_cannot_be_placed_is_left_with_its_reason() -> None:
    texts, vectors, _ = topics([4, 4])
    texts[1] = "  "
    vectors[3] = 0
    vectors[5, 0] = np.nan
    grouping = group(texts, vectors, THRESHOLD)
    assert grouping.left == (Left(1, BLANK), Left(3, NO_VECTOR), Left(5, NO_VECTOR))
    assert places(grouping) == list(range(8))
    assert group([" "], np.ones((1, 3)), THRESHOLD) == Grouping({}, (), (Left(0, BLANK),))


def test_groups_above_the_limit_are_cut() -> None:
    texts, vectors, topic = topics([60, 8])
    grouping = group(texts, vectors, THRESHOLD)
    assert max(len(one) for one in grouping.new) <= 25
    assert all(len(set(topic[list(one)])) == 1 for one in grouping.new)


def test_keywords_that_cannot_be_told_apart_are_cut_evenly() -> None:
    grouping = group(["same"] * 60, np.ones((60, 8), np.float32), THRESHOLD)
    assert [len(one) for one in grouping.new] == [20, 20, 20]


def test_crumbs_of_a_cut_group_do_not_stay_alone() -> None:
    texts, vectors, topic = topics([40, 40, 40], spread=0.8)
    grouping = group(texts, vectors, THRESHOLD)
    assert all(len(set(topic[list(one)])) == 1 for one in grouping.new)
    assert sum(len(one) == 1 for one in grouping.new) <= 2  # 9 without


def test_existing_clusters_take_in_their_like() -> None:
    texts, vectors, topic = topics([12, 12, 12, 12])
    known = {one: np.flatnonzero(topic == one)[:8] for one in (0, 1, 2)}
    pending = np.array(sorted(set(range(48)) - {int(at) for rows in known.values() for at in rows}))
    existing = [(f"c{one}", vectors[rows]) for one, rows in known.items()]
    grouping = group([texts[at] for at in pending], vectors[pending], THRESHOLD, existing)
    assert {name: {int(topic[pending[at]]) for at in joined} for name, joined in grouping.joined.items()} == {
        "c0": {0},
        "c1": {1},
        "c2": {2},
    }
    assert [len(joined) for joined in grouping.joined.values()] == [4, 4, 4]
    assert [{int(topic[pending[at]]) for at in one} for one in grouping.new] == [{3}]


def test_existing_clusters_are_never_merged_and_never_overfilled() -> None:
    texts, vectors, _ = topics([44, 10])
    alike = [at for at in range(54) if vectors[at] @ vectors[0] > 0.5] if vectors[0] @ vectors[1] > 0.5 else list(range(44))
    first, second, rest = alike[:20], alike[20:23], alike[23:]
    existing = [("full", vectors[first]), ("twin", vectors[second])]
    grouping = group([texts[at] for at in rest], vectors[rest], THRESHOLD, existing)
    assert len(grouping.joined.get("full", ())) <= 5
    assert places(grouping) == list(range(len(rest)))
    twenty_five = group(texts[:3], vectors[first[:3]], THRESHOLD, [("full", vectors[first + second + rest[:2]])])
    assert twenty_five.joined == {}
    assert places(twenty_five) == [0, 1, 2]


def test_blocks_find_what_one_pass_finds() -> None:
    texts, vectors, topic = topics([20] * 40)
    assert set(group(texts, vectors, THRESHOLD, block=150).new) == members(topic)
    assert set(group(texts, vectors, THRESHOLD).new) == members(topic)


def test_blocks_are_a_partition_into_bounded_parts() -> None:
    _, vectors, _ = topics([30] * 20)
    parts = blocks(vectors, 90)
    assert sorted(int(at) for part in parts for at in part) == list(range(600))
    assert max(len(part) for part in parts) <= 90
    alike = blocks(np.ones((100, 4), np.float32), 30)
    assert sorted(len(part) for part in alike) == [10, 30, 30, 30]


def test_linking_nothing_and_one() -> None:
    none = np.zeros((0, 3), np.float32)
    assert link(none, np.zeros(0, np.float32), np.zeros(0, bool), 0.5).tolist() == []
    assert group([], none, 0.5) == Grouping({}, (), ())
    assert group(["one"], np.ones((1, 3)), 0.5).new == ((0,),)


def test_five_thousand_keywords_go_through_at_once_and_more_by_blocks() -> None:
    texts, vectors, _ = topics([10] * 500, width=64)
    grouping = group(texts, vectors, THRESHOLD)
    assert places(grouping) == list(range(5_000))
    assert 450 <= len(grouping.new) <= 520
    texts, vectors, _ = topics([10] * 600, width=64)
    grouping = group(texts, vectors, THRESHOLD)
    assert places(grouping) == list(range(6_000))
    assert 530 <= len(grouping.new) <= 640


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 texts need vectors"):
        group(["a", "b"], np.ones((3, 4)), 0.5)
    with pytest.raises(ValueError, match="cluster x"):
        group(["a", "b"], np.eye(2, 4), 0.5, [("x", np.ones(3))])

"""Rows of `make bench` on grouping keywords and on ideas that compete: how good, measured on labelled data, and how fast."""

import csv
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[1] / "tests" / "data"
_THINGS = """espresso machine;coffee grinder;cold brew;french press;dog crate;puppy food;dog leash;pet insurance;flea treatment;
hiking boots;backpacking tent;sleeping bag;water filter;camp stove;trekking poles;email list;subject line;welcome email;
newsletter design;spam filter;credit score;travel insurance;running shoes;marathon plan;yoga mat;standing desk;office chair;air fryer;
heat pump;solar panel;lawn mower;tomato plant;raised bed;rose bush;car seat;baby monitor;electric bike;headphones;dash cam;garden hose"""
_WANTS = """best %s;cheap %s;how to clean %s;%s review;%s vs alternatives;%s for beginners;how to choose %s;%s size chart;%s cost;
is %s worth it;%s maintenance tips;%s under 100;professional %s;%s for small spaces;%s problems;what is %s;how long does %s last;
%s for travel;used %s;%s replacement parts;%s for kids;%s for seniors;eco friendly %s;%s accessories;top rated %s"""
_ENDS = """;2026;uk;near me;at home;for women;for men;in winter;online;checklist;on a budget;step by step;explained;in summer;
for small business;with kids;without tools;at night;in an apartment;for large families"""


def keywords(count: int) -> list[str]:
    """So many different keywords of 40 subjects, in one order; at most 20,000."""
    things, wants, ends = ([part.strip() for part in text.split(";")] for text in (_THINGS, _WANTS, _ENDS))
    return [f"{want % thing} {end}".strip() for end in ends for thing in things for want in wants][:count]


def adjusted_rand_index(one: Sequence[object], two: Sequence[object]) -> float:
    """1 for the same partition, about 0 for a random one. Source: Hubert and Arabie, Comparing partitions, 1985."""

    def pairs(counts: Counter[object]) -> float:
        return sum(count * (count - 1) / 2 for count in counts.values())

    both, first, second = pairs(Counter(zip(one, two, strict=True))), pairs(Counter(one)), pairs(Counter(two))
    expected = first * second / (len(one) * (len(one) - 1) / 2)
    return (both - expected) / ((first + second) / 2 - expected)


def labelled() -> tuple[list[str], list[str]]:
    """131 keywords and their 12 topics, as a person has sorted them."""
    with (DATA / "keywords_labelled.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["keyword"] for row in rows], [f"{row['niche']} {row['cluster']}" for row in rows]


def search_pairs() -> list[dict[str, str]]:
    """Pairs of a planned and an existing article; `intent` says whether they answer the `same` search or `different` ones. Every third
    existing one has no keyword, as imported posts have none."""
    with (DATA / "search_pairs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def competing(name: str, sentences: Any) -> tuple[float, float, float | None]:
    """Precision and recall of the guard on the pairs, and the cosine it decided by. sentences: as of a SentenceEmbedder, None: words."""
    import numpy as np

    from chalicelib.ai.meaning import Meaning, pack
    from chalicelib.ai.similarity import Search, SiteSubjects
    from chalicelib.ai.similarity_scale import quality, same_from
    from chalicelib.planner.subjects import Subject

    same = same_from(name, sentences) if sentences else None
    meaning = Meaning(name, same, sentences) if sentences and same is not None else None
    found = []
    for row in search_pairs():
        known = Subject("content", "x-1", row["other_title"], row["other_keyword"])
        if meaning:
            known = Subject("content", "x-1", known.title, known.keyword, name, pack(meaning.vectors([known.search])[0]))
        found.append(SiteSubjects([known], "en", lambda: meaning).rivals([Search(row["keyword"], row["title"])])[0] is not None)
    precision, recall, _ = quality(np.array(found), np.array([row["intent"] == "same" for row in search_pairs()]))
    return precision, recall, same


def rows() -> list[tuple[str, str]]:
    """For each offline embedder that is installed: agreement with a person, 5,000 keywords, and ideas that compete."""
    from chalicelib.adapters.offline_embedder import MiniLMEmbedder, TfidfEmbedder

    out = []
    embedders: list[Any] = [*([MiniLMEmbedder()] if MiniLMEmbedder.installed() else []), TfidfEmbedder()]
    for embedder in embedders:
        texts, topics = labelled()
        agreement = adjusted_rand_index(topics, grouped(embedder, texts))
        out.append((f"{embedder.model}: adjusted Rand index on {len(texts)} labelled keywords", f"{agreement:.3f}"))
        many = keywords(5_000)
        wall, cpu = time.perf_counter(), time.process_time()
        clusters = len(set(grouped(embedder, many)))
        took = f"{time.perf_counter() - wall:.1f} s, {time.process_time() - cpu:.1f} s CPU"
        out.append((f"{embedder.model}: 5,000 keywords to {clusters} clusters", took))
        sentences = getattr(embedder, "sentences", None)
        precision, recall, _ = competing(embedder.model, sentences)
        name = embedder.model if sentences else "words alone"
        out.append((f"{name}: ideas that compete, of {len(search_pairs())} pairs", f"precision {precision:.2f}, recall {recall:.2f}"))
    return out


def grouped(embedder: Any, texts: list[str]) -> list[int]:
    """The number of each keyword's cluster."""
    from chalicelib.ai.clustering import group

    found = [-1] * len(texts)
    for number, members in enumerate(group(texts, embedder.embed(texts), embedder.threshold).new):
        for at in members:
            found[at] = number
    return found

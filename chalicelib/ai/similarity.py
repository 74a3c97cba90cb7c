"""Tells whether a planned article would compete with one that the site has or plans already, whatever its sector and wherever it comes
from, imported posts included."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from chalicelib.ai.meaning import Meaning, meaning, unpacked
from chalicelib.core.context import Context
from chalicelib.planner.search_terms import LIKE, Terms, contradict, likeness, terms
from chalicelib.planner.subjects import Subject, subjects


@dataclass(frozen=True)
class Search:
    """What a planned article would answer. keyword: its primary keyword; title: '' for a keyword alone."""

    keyword: str
    title: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.keyword, self.title) if self.title else (self.keyword,)


@dataclass(frozen=True)
class Rival:
    """What a planned article would compete with. similarity: 0 to 1, the embedding model's cosine or the share of terms."""

    type: str
    id: str
    title: str
    similarity: float

    def __str__(self) -> str:
        return f'competes with "{self.title}" ({self.type}, similarity {self.similarity:.2f})'


def rival(subject: Subject, similarity: float) -> Rival:
    return Rival(subject.type, subject.id, subject.title, round(min(1.0, similarity), 2))


Asked = Callable[[], Meaning | None]


class SiteSubjects:
    """The ideas and contents of one site, as planned articles are compared with them.

    Two articles compete when they have one search by its terms (`planner.search_terms`), or when an embedding model says so
    (`similarity_scale`); where no model can tell, the share of terms decides. meaning: looks the model up, when there is something to
    compare; then the known subjects have its vectors.
    """

    def __init__(self, known: Sequence[Subject], language: str, meaning: Asked) -> None:
        self.known, self.language, self.meaning = list(known), language, meaning
        self._exact = {t: s for s in reversed(self.known) for t in (self._terms(s.title), self._terms(s.search)) if t}

    def rivals(self, searches: Sequence[Search]) -> list[Rival | None]:
        """For each planned article what it would compete with most, None when nothing."""
        if not self.known or not searches:
            return [None] * len(searches)
        return [self._exactly(one) or self._likest(one, near) for one, near in zip(searches, self._nearness(searches), strict=True)]

    def alike(self, one: Search, other: Search) -> float | None:
        """How similar two planned articles are, None when they do not compete."""
        a, b = self._terms(one.keyword), self._terms(other.keyword)
        if a and a == b:
            return 1.0
        if contradict(a, b):
            return None
        if model := self.meaning():
            first, second = model.vectors([one.keyword, other.keyword])
            near, enough = float(first @ second), model.same
        else:
            near, enough = likeness(a, b), LIKE
        return round(min(1.0, near), 2) if near >= enough else None

    def nearest(self, keywords: Sequence[str], count: int) -> list[str]:
        """Titles of the subjects that are nearest to one of the keywords, the nearest first."""
        if len(self.known) <= count or not keywords:
            return [s.title for s in self.known]
        near = [max(of_all) for of_all in zip(*self._nearness([Search(k) for k in keywords]), strict=True)]
        order = sorted(range(len(self.known)), key=lambda at: (-near[at], at))
        return [self.known[at].title for at in order[:count]]

    def _terms(self, text: str) -> Terms:
        return terms(text, self.language)

    def _exactly(self, search: Search) -> Rival | None:
        subject = self._exact.get(self._terms(search.keyword)) or self._exact.get(self._terms(search.title))
        return rival(subject, 1.0) if subject else None

    def _likest(self, search: Search, near: Any) -> Rival | None:
        model, wanted = self.meaning(), self._terms(search.keyword)
        enough = model.same if model else LIKE
        for at in sorted((at for at, value in enumerate(near) if value >= enough), key=lambda at: (-near[at], at)):
            if not contradict(wanted, self._terms(self.known[at].search)):
                return rival(self.known[at], float(near[at]))
        return None

    def _nearness(self, searches: Sequence[Search]) -> Sequence[Any]:
        """For each search, how near each of the known subjects is to the nearest of its texts."""
        if model := self.meaning():
            vectors, rows = model.vectors([t for one in searches for t in one.texts]), unpacked([s.vector for s in self.known])
            every, found, at = vectors @ rows.T, [], 0
            for one in searches:
                found.append(every[at : at + len(one.texts)].max(axis=0))
                at += len(one.texts)
            return found
        own = [self._terms(s.search) for s in self.known]
        return [[max(likeness(self._terms(t), o) for t in one.texts) for o in own] for one in searches]


def site_subjects(ctx: Context, site_id: str, language: str, asked: Asked | None = None) -> SiteSubjects:
    """As they are now. Vectors that nobody has made yet are made and kept. asked: how an earlier call of the same work has looked the
    embedding model up.

    Raises: NotFound, UpstreamUnavailable, UpstreamRejected.
    """
    asked = asked or cache(lambda: meaning(ctx))
    found = sorted(subjects(ctx, site_id), key=lambda s: (s.type, s.id))  # of equals, the content is named
    model = asked() if found else None
    return SiteSubjects(model.with_vectors(ctx, found) if model else found, language, asked)

"""What a check of an article can say: findings by code and severity, and the score they add up to."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["blocker", "warning", "info"]

# Points a finding costs. A code costs once, however often it occurs. Those named matter more to a reader than their severity says, or hide
# others: of an empty article there is nothing else to say, and it must not stand better than a poor one.
_COSTS: dict[str, int] = {"blocker": 40, "warning": 7, "info": 2}
_DEAR: dict[str, int] = {
    "short": 12, "missing_h2": 15, "keyword_missing": 15, "keyword_stuffing": 15, "repeated_paragraph": 15, "mixed_language": 15,
    "similar_to_other": 12, "markdown_leftover": 12, "escaped_markup": 12, "mojibake": 12, "h1_in_body": 10, "keyword_coverage_low": 10,
    "empty_article": 100, "too_short": 60, "wrong_language": 60, "meta_title_missing": 12, "meta_description_missing": 14,
}  # fmt: skip
_TOGETHER = {"meta_title_": 12, "meta_description_": 14, "title_": 28}  # what all findings with such codes cost at most
BLOCKED_AT_MOST = 49  # an article with a blocker never reaches a gate of 50 or more


@dataclass(frozen=True)
class Finding:
    """code: stable, snake_case. message: for a person, in English."""

    code: str
    severity: Severity
    message: str


@dataclass(frozen=True)
class ArticleCheck:
    """score: 0-100, at most `BLOCKED_AT_MOST` with a blocker. findings: blockers first."""

    score: int
    findings: tuple[Finding, ...]

    @property
    def blockers(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.severity == "blocker")

    @property
    def ok(self) -> bool:
        return not self.blockers


def judged(findings: Iterable[Finding]) -> ArticleCheck:
    """The score of findings, which are put in order: blockers, warnings, infos, each as they came."""
    rank = list(_COSTS)
    ordered = sorted(findings, key=lambda one: rank.index(one.severity))
    costs: dict[str, int] = {}
    for one in ordered:
        costs[one.code] = max(costs.get(one.code, 0), _DEAR.get(one.code, _COSTS[one.severity]))
    for prefix, most in _TOGETHER.items():
        group = [code for code in costs if code.startswith(prefix)]
        costs[prefix] = min(most, sum(costs.pop(code) for code in group))
    score = max(0, 100 - sum(costs.values()))
    blocked = any(one.severity == "blocker" for one in ordered)
    return ArticleCheck(min(score, BLOCKED_AT_MOST) if blocked else score, tuple(ordered))

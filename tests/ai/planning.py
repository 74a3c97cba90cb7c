"""What tests of planning ideas share: a model that plans as the test says, clusters with their keywords, imported posts."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.ai import registry
from chalicelib.ai.engine import Done, run
from chalicelib.ai.function import Options
from chalicelib.core.context import Context
from chalicelib.planner.clusters import CLUSTER, Cluster
from chalicelib.planner.ideas import IDEA, Idea
from chalicelib.planner.keyword_identity import keyword_id
from chalicelib.planner.keywords import KEYWORD
from chalicelib.ports import TextAnswer, TextRequest
from chalicelib.writer.content import CONTENT, Content
from tests.conftest import Place

Plan = list[tuple[str, str]]  # title and primary keyword of each idea


@dataclass
class Planner:
    """Plans as the test says: `plan(facts, problems)`; by default one idea for each of the first keywords."""

    plan: Callable[[dict[str, Any], list[str]], Plan] | None = None
    asked: list[TextRequest] = field(default_factory=list)
    provider: str = "scripted"
    model: str = "scripted-1"

    def complete(self, request: TextRequest) -> TextAnswer:
        self.asked.append(request)
        facts, problems = request.facts, request.repair.problems if request.repair else []
        keywords = [k["keyword"] for k in facts["keywords"]]
        plan = self.plan(facts, problems) if self.plan else [(f"All about {k}", k) for k in keywords[: facts["count"]]]
        primaries = {keyword for _, keyword in plan}
        rest = [k for k in keywords if k not in primaries]
        return TextAnswer(json.dumps({"ideas": [_idea(t, k, rest if not n else []) for n, (t, k) in enumerate(plan)]}), "m", self.provider)


def _idea(title: str, primary: str, others: list[str]) -> dict[str, Any]:
    return {
        "title": title,
        "description": "What the reader gets out of it.",
        "content_type": "post",
        "content_structure": "guide",
        "primary_keyword": primary,
        "keywords": [primary, *others],
        "audience": "readers",
        "tone": "plain",
        "outline": [{"heading": "One", "points": ["a"]}, {"heading": "Two", "points": ["b"]}],
        "brief": "Say it plainly and with care.",
        "estimated_word_count": 900,
        "cta": "Read on.",
    }


def cluster(owner: Context, place: Place, *texts: str, name: str = "") -> Cluster:
    keywords, clusters = owner.repository(KEYWORD), owner.repository(CLUSTER)
    home = clusters.create(clusters.new(place.sector_id, name=name or texts[0].title(), keywords_count=len(texts)))
    for text in texts:
        keywords.create(keywords.new(place.sector_id, keyword_id(text, None, ""), keyword=text, cluster=home.id, status="mapped"))
    return home


def imported(owner: Context, place: Place, title: str, **fields: Any) -> Content:
    contents = owner.repository(CONTENT)
    about = {"source": "wordpress", "status": "published", **fields}
    return contents.create(contents.new(place.sector_id, title=title, slug=title.lower().replace(" ", "-"), **about))


def plan(owner: Context, home: Cluster, op: str = "", **extra: Any) -> Done:
    return run(owner, registry.get("generate_ideas"), home.id, op=op or f"ideas.{home.id}", options=Options(extra=extra))


def ideas(owner: Context, done: Done) -> list[Idea]:
    return list(owner.repository(IDEA).get_many(done.result["ideas"]).values())

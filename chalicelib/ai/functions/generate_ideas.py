"""Plans articles for a cluster: a few ideas that cover its keywords without competing with what the site has already."""

from typing import Any

from chalicelib.ai.answers import Ideas as IdeasAnswer
from chalicelib.ai.function import AIFunction, Embed, Loaded, Options, Outcome, Provenance, Skip
from chalicelib.ai.voice import voice
from chalicelib.auth.sites import get_site
from chalicelib.core.context import Context
from chalicelib.core.ids import ulid
from chalicelib.core.repository import ListRequest
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA, Idea
from chalicelib.planner.keywords import Keywords

KEYWORDS_PER_IDEA = 4
TAKEN_TITLES = 200


def load(ctx: Context, cluster_id: str, options: Options, embed: Embed) -> Loaded:
    """item: a cluster's id. Raises: Skip when it has ideas already or no keyword; NotFound."""
    cluster = ctx.repository(CLUSTER).get(cluster_id)
    if cluster.status != "new":
        raise Skip("This cluster has ideas already.")
    keywords = sorted(Keywords(ctx).of_cluster(cluster_id), key=lambda k: (-(k.volume or 0), k.keyword))
    if not keywords:
        raise Skip("This cluster has no keywords.")
    most = get_site(ctx, cluster.site_id).ideas_per_cluster
    count = max(1, min(most, len(keywords), -(-len(keywords) // KEYWORDS_PER_IDEA)))
    about = voice(ctx, cluster.site_id)
    repository = ctx.repository(IDEA)
    recent = repository.records(repository.page(ListRequest([cluster.sector_id], page_size=TAKEN_TITLES)).rows)
    facts = {
        "cluster": {"name": cluster.name, "description": cluster.description},
        "keywords": [{"keyword": k.keyword, "volume": k.volume, "difficulty": k.difficulty, "intent": k.intent} for k in keywords],
        "count": count,
        "taken_titles": [i.idea_title for i in recent],
        **{name: about[name] for name in ("language", "market", "tone", "audience", "site")},
    }
    return Loaded(facts, {"cluster": cluster, "keywords": keywords}, count, cluster.site_id)


def apply(ctx: Context, loaded: Loaded, answer: Any, provenance: Provenance) -> Outcome:
    cluster, ideas, clusters = loaded.state["cluster"], ctx.repository(IDEA), ctx.repository(CLUSTER)
    known = {k.keyword.casefold(): k for k in loaded.state["keywords"]}
    made: list[Idea] = []
    for one in answer.ideas:
        targets = [known[text.casefold()] for text in dict.fromkeys([one.primary_keyword, *one.keywords])]
        targets = list({k.id: k for k in targets}.values())
        made.append(
            ideas.new(
                cluster.sector_id,
                ulid(ctx.deps.clock.now()),
                idea_title=one.title,
                description=one.description,
                keyword_cluster=cluster.id,
                keyword_objects=[k.id for k in targets],
                target_keywords=[k.keyword for k in targets],
                primary_keyword=one.primary_keyword,
                content_type=one.content_type,
                content_structure=one.content_structure,
                estimated_word_count=one.estimated_word_count,
                audience=one.audience,
                tone=one.tone,
                language=loaded.facts["language"],
                outline=[s.model_dump() for s in one.outline],
                brief=one.brief,
                cta=one.cta,
                generated_by=provenance.provider,
            )
        )
    mapped = clusters.changed(cluster, status="mapped", ideas_count=cluster.ideas_count + len(made))
    writes = [w for idea in made for w in ideas.creating(idea, counted=False)]
    writes += [*ideas.counting((None, idea) for idea in made), *clusters.changing(cluster, mapped)]
    return Outcome(writes, len(made), {"ideas": [i.id for i in made]})


FUNCTION = AIFunction("generate_ideas", "idea", "cluster", IdeasAnswer, load, apply)

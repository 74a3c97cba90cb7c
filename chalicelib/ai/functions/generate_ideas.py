"""Plans articles for a cluster: a few ideas that cover its keywords without competing with what the site has already."""

from typing import Any

from chalicelib.ai.answers import Ideas as IdeasAnswer
from chalicelib.ai.answers import folded
from chalicelib.ai.function import OUTPUT_TOKENS, AIFunction, Embed, Loaded, Options, Outcome, Provenance, Skip
from chalicelib.ai.voice import voice
from chalicelib.auth.sites import Site, get_site
from chalicelib.billing.plans import use
from chalicelib.core.context import Context
from chalicelib.core.ids import site_of, ulid
from chalicelib.core.repository import ListRequest
from chalicelib.planner.cluster_figures import figure_writes, idea_deltas
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA, Idea
from chalicelib.planner.keywords import KEYWORD, Keywords

KEYWORDS_PER_IDEA = 4
TAKEN_TITLES = 200
TOKENS_PER_IDEA = 1_500  # outline and brief


def load(ctx: Context, item: str, options: Options, embed: Embed) -> Loaded:
    """item: a cluster's id, or a sector's with `options.ids`, keywords of it. options.extra: `count` of ideas; `again`: also when the
    cluster has ideas. Raises: Skip when the cluster has ideas already, or there is no keyword; NotFound.
    """
    cluster = None if options.ids else ctx.repository(CLUSTER).get(item)
    if cluster is not None and cluster.status != "new" and not options.extra.get("again"):
        raise Skip("This cluster has ideas already.")
    chosen = Keywords(ctx).of_cluster(item) if cluster is not None else ctx.repository(KEYWORD).get_many(options.ids).values()
    keywords = sorted(chosen, key=lambda k: (-(k.volume or 0), k.keyword))
    if not keywords:
        raise Skip("This cluster has no keywords." if cluster is not None else "None of these keywords exists any more.")
    site, sector_id = get_site(ctx, site_of(item)), keywords[0].sector_id
    count = min(int(options.extra.get("count") or ideas_wanted(site, len(keywords))), len(keywords))
    about = voice(ctx, site.id, sector_id=sector_id, function="generate_ideas")
    repository = ctx.repository(IDEA)
    recent = repository.records(repository.page(ListRequest([sector_id], page_size=TAKEN_TITLES)).rows)
    facts = {
        "cluster": {"name": cluster.name, "description": cluster.description} if cluster is not None else {"name": "", "description": ""},
        "keywords": [{"keyword": k.keyword, "volume": k.volume, "difficulty": k.difficulty, "intent": k.intent} for k in keywords],
        "count": count,
        "taken_titles": [i.idea_title for i in recent],
        **{name: about[name] for name in ("language", "market", "tone", "audience", "site", "strategy")},
    }
    return Loaded(facts, {"cluster": cluster, "keywords": keywords, "sector": sector_id}, count, site.id)


def ideas_wanted(site: Site, keywords: int) -> int:
    """How many ideas so many keywords get."""
    return max(1, min(site.ideas_per_cluster, keywords, -(-keywords // KEYWORDS_PER_IDEA)))


def output_tokens(facts: dict[str, Any]) -> int:
    return max(OUTPUT_TOKENS, 1_000 + TOKENS_PER_IDEA * int(facts["count"]))


def apply(ctx: Context, loaded: Loaded, answer: Any, provenance: Provenance) -> Outcome:
    """The ideas, and the cluster as one that has ideas. Ideas for chosen keywords belong to the cluster that all of theirs are in."""
    cluster, ideas, clusters = loaded.state["cluster"], ctx.repository(IDEA), ctx.repository(CLUSTER)
    known = {folded(k.keyword): k for k in loaded.state["keywords"]}
    made: list[Idea] = []
    for one in answer.ideas:
        primary, *others = (known[folded(text)] for text in [one.primary_keyword, *one.keywords])
        targets = list({k.id: k for k in [primary, *others]}.values())
        homes = {k.cluster for k in targets}
        made.append(
            ideas.new(
                loaded.state["sector"],
                ulid(ctx.deps.clock.now()),
                idea_title=one.title,
                description=one.description,
                keyword_cluster=cluster.id if cluster is not None else homes.pop() if len(homes) == 1 else None,
                keyword_objects=[k.id for k in targets],
                target_keywords=[k.keyword for k in targets],
                primary_keyword=primary.keyword,
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
    writes = [w for idea in made for w in ideas.creating(idea, counted=False)]
    writes += ideas.counting((None, idea) for idea in made)
    if cluster is not None:  # in the version that was read: of two tasks at once, the second finds that there are ideas
        writes += clusters.changing(cluster, clusters.changed(cluster, status="mapped", ideas_count=cluster.ideas_count + len(made)))
    else:
        writes += figure_writes(ctx, idea_deltas((None, idea) for idea in made), mapped=True)
    writes += use(ctx, ideas=len(made), ai_requests=1)
    return Outcome(writes, len(made), {"ideas": [i.id for i in made]})


FUNCTION = AIFunction("generate_ideas", "idea", "cluster", IdeasAnswer, load, apply, output_tokens=output_tokens)

"""Plans articles for a cluster: a few ideas that cover its keywords without competing with what the site has already."""

from typing import Any

from chalicelib.ai.answer_fields import folded
from chalicelib.ai.answers import Ideas as IdeasAnswer
from chalicelib.ai.cannibalisation import Planned, chosen, claimed, covered, objections, rejected
from chalicelib.ai.function import OUTPUT_TOKENS, AIFunction, Embed, Loaded, Options, Outcome, Skip
from chalicelib.ai.similarity import site_subjects
from chalicelib.ai.voice import voice
from chalicelib.auth.sites import Site, get_site
from chalicelib.billing.plans import use
from chalicelib.core.context import Context
from chalicelib.core.ids import site_of, ulid
from chalicelib.core.table import Write
from chalicelib.planner.cluster_figures import figure_writes, idea_deltas
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA, Idea
from chalicelib.planner.keywords import KEYWORD, Keywords
from chalicelib.system.origin import Origin

KEYWORDS_PER_IDEA = 4
TAKEN_TITLES = 200
TOKENS_PER_IDEA = 1_500  # outline and brief


def load(ctx: Context, item: str, options: Options, embed: Embed) -> Loaded:
    """item: a cluster's id, or a sector's with `options.ids`, keywords of it. options.extra: `count` of ideas; `again`: also when the
    cluster has ideas. Keywords whose search the site answers already get no idea; where that is all of them, no model is asked.

    Raises: Skip when the cluster has ideas already, or there is no keyword; NotFound; UpstreamUnavailable, UpstreamRejected (embeddings).
    """
    cluster = None if options.ids else ctx.repository(CLUSTER).get(item)
    if cluster is not None and cluster.status != "new" and not options.extra.get("again"):
        raise Skip("This cluster has ideas already.")
    chosen = Keywords(ctx).of_cluster(item) if cluster is not None else ctx.repository(KEYWORD).get_many(options.ids).values()
    keywords = sorted(chosen, key=lambda k: (-(k.volume or 0), k.keyword))
    if not keywords:
        raise Skip("This cluster has no keywords." if cluster is not None else "None of these keywords exists any more.")
    site, sector_id = get_site(ctx, site_of(item)), keywords[0].sector_id
    about = voice(ctx, site.id, sector_id=sector_id, function="generate_ideas")
    subjects = site_subjects(ctx, site.id, about["language"])
    answered = covered(subjects, keywords)
    free = [k for k, rival in answered if rival is None]
    count = min(int(options.extra.get("count") or ideas_wanted(site, len(free))), len(free))
    facts = {
        "cluster": {"name": cluster.name, "description": cluster.description} if cluster is not None else {"name": "", "description": ""},
        "keywords": [{"keyword": k.keyword, "volume": k.volume, "difficulty": k.difficulty, "intent": k.intent} for k in free],
        "count": count,
        "taken_titles": subjects.nearest([k.keyword for k in free], TAKEN_TITLES),
        **{name: about[name] for name in ("language", "market", "tone", "audience", "site", "strategy")},
    }
    state = {
        "cluster": cluster,
        "keywords": keywords,
        "sector": sector_id,
        "subjects": subjects,
        "rejected": [rejected(k.keyword, [k.keyword], rival) for k, rival in answered if rival is not None],
    }
    return Loaded(facts, state, count, site.id, ask=bool(free), objections=lambda answer: objections(subjects, answer.ideas))


def ideas_wanted(site: Site, keywords: int) -> int:
    """How many ideas so many keywords get."""
    return max(1, min(site.ideas_per_cluster, keywords, -(-keywords // KEYWORDS_PER_IDEA)))


def output_tokens(facts: dict[str, Any]) -> int:
    return max(OUTPUT_TOKENS, 1_000 + TOKENS_PER_IDEA * int(facts["count"]))


def apply(ctx: Context, loaded: Loaded, answer: Any, provenance: Origin) -> Outcome:
    """The ideas that compete with nothing, and the cluster as one that has ideas (also when all it could have exist already, or it
    would wait for ever). Ideas for chosen keywords belong to the cluster that all of theirs are in. result: `ideas`, their ids;
    `rejected`: what is not planned and why (`cannibalisation.rejected`)."""
    cluster, ideas, clusters = loaded.state["cluster"], ctx.repository(IDEA), ctx.repository(CLUSTER)
    refused = list(loaded.state["rejected"])
    made: list[Idea] = []
    writes: list[Write] = []
    if answer is not None:
        ids = [ideas.entity.place.make_id(loaded.state["sector"], ulid(ctx.deps.clock.now())) for _ in answer.ideas]
        planned = [Planned(i, one, [one.primary_keyword, *one.keywords]) for i, one in zip(ids, answer.ideas, strict=True)]
        then = loaded.state["subjects"]
        now = site_subjects(ctx, loaded.site_id, then.language, then.meaning)  # others have planned meanwhile
        planned, competing = chosen(now, planned)
        planned, taken, writes = claimed(ctx, loaded.site_id, then.language, planned)
        refused += [*competing, *taken]
        made = [_idea(ctx, loaded, one, provenance) for one in planned]
    writes += [w for idea in made for w in ideas.creating(idea, counted=False)]
    writes += ideas.counting((None, idea) for idea in made)
    if cluster is not None:  # in the version that was read: of two tasks at once, the second finds that there are ideas
        writes += clusters.changing(cluster, clusters.changed(cluster, status="mapped", ideas_count=cluster.ideas_count + len(made)))
    else:
        writes += figure_writes(ctx, idea_deltas((None, idea) for idea in made), mapped=True)
    writes += use(ctx, ideas=len(made), ai_requests=1 if answer is not None else 0)
    return Outcome(writes, len(made), {"ideas": [i.id for i in made], "rejected": refused})


def _idea(ctx: Context, loaded: Loaded, planned: Planned, provenance: Origin) -> Idea:
    known = {folded(k.keyword): k for k in loaded.state["keywords"]}
    one, cluster, ideas = planned.idea, loaded.state["cluster"], ctx.repository(IDEA)
    targets = list({k.id: k for k in (known[folded(text)] for text in planned.keywords)}.values())
    homes = {k.cluster for k in targets}
    return ideas.new(
        loaded.state["sector"],
        planned.id.partition("-")[2],
        idea_title=one.title,
        description=one.description,
        keyword_cluster=cluster.id if cluster is not None else homes.pop() if len(homes) == 1 else None,
        keyword_objects=[k.id for k in targets],
        target_keywords=[k.keyword for k in targets],
        primary_keyword=targets[0].keyword,
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
        provenance=provenance.as_json(),
    )


FUNCTION = AIFunction("generate_ideas", "idea", "cluster", IdeasAnswer, load, apply, output_tokens=output_tokens)

"""Groups a sector's pending keywords: embeddings decide what belongs together, the model only names the groups."""

from collections.abc import Sequence
from typing import Any

from chalicelib.ai.answers import ClusterNames
from chalicelib.ai.clustering import group
from chalicelib.ai.function import OUTPUT_TOKENS, AIFunction, Embed, Form, Loaded, Options, Outcome, Part, Skip
from chalicelib.ai.voice import voice
from chalicelib.billing.plans import use
from chalicelib.core.context import Context
from chalicelib.core.ids import site_of, ulid
from chalicelib.core.repository import ListRequest
from chalicelib.core.table import Write
from chalicelib.planner.clusters import CLUSTER, Cluster, summary
from chalicelib.planner.keywords import KEYWORD, Keyword, Keywords
from chalicelib.system.origin import Origin

MIN_KEYWORDS = 5
MAX_KEYWORDS = 5_000  # one call's worth; a larger sector goes by blocks of this size, joined to the clusters made before
MEMBERS_CONSIDERED = 25  # of an existing cluster, when new keywords are matched to it
WRITES_PER_PART = 90
NAMED_AT_ONCE = 60  # clusters a question: their names and descriptions stay well inside what a model writes in one answer
TOKENS_PER_CLUSTER = 150


class _Group:
    """A cluster to make or to fill. cluster: the existing one, None for a new one."""

    def __init__(self, key: str, keywords: list[Keyword], cluster: Cluster | None = None, members: list[Keyword] | None = None) -> None:
        self.key, self.keywords, self.cluster, self.members = key, keywords, cluster, members or []


def load(ctx: Context, sector_id: str, options: Options, embed: Embed) -> Loaded:
    """item: a sector's id. options.ids: only these keywords. Raises: Skip when there are fewer than 5, or none to go on with."""
    service = Keywords(ctx)
    pending = service.pending(sector_id, MAX_KEYWORDS)
    if options.ids:
        wanted = set(options.ids)
        pending = [k for k in service.repository.get_many(wanted).values() if k.sector_id == sector_id and not k.cluster and not k.disabled]
    if len(pending) < (1 if options.resumed else MIN_KEYWORDS):
        raise Skip(f"Too few keywords to cluster: {len(pending)} of at least {MIN_KEYWORDS}.")
    every = _clusters(ctx, sector_id)
    clusters = [c for c in every if not c.disabled]
    members = {c.id: service.of_cluster(c.id) for c in clusters}
    texts = [k.keyword for k in pending]
    context_texts = [k.keyword for c in clusters for k in members[c.id][:MEMBERS_CONSIDERED]]
    vectors, threshold = embed([*texts, *context_texts])
    existing, at = [], len(texts)
    for c in clusters:
        size = len(members[c.id][:MEMBERS_CONSIDERED])
        if size:
            existing.append((c.id, vectors[at : at + size]))
        at += size
    grouping = group(texts, vectors[: len(texts)], threshold, existing)
    by_id = {c.id: c for c in clusters}
    groups = [_Group(i, [pending[p] for p in places], by_id[i], members[i]) for i, places in grouping.joined.items()]
    new = [_Group(f"c{n}", [pending[p] for p in places]) for n, places in enumerate(grouping.new, 1)]
    about = voice(ctx, site_of(sector_id))
    facts = {
        "language": about["language"],
        "market": about["market"],
        "clusters": [
            {"key": g.key, "keywords": [{"keyword": k.keyword, "volume": k.volume, "intent": k.intent} for k in _by_volume(g.keywords)]}
            for g in new
        ],
        "taken_names": [c.name for c in every],
    }
    left = [{"id": pending[one.index].id, "reason": one.reason} for one in grouping.left]
    found = {"groups": groups, "new": new, "left": left, "sector": sector_id}
    return Loaded(facts, found, len(pending) - len(left), site_of(sector_id), ask=bool(new))


def _clusters(ctx: Context, sector_id: str) -> list[Cluster]:
    repository = ctx.repository(CLUSTER)
    out: list[Cluster] = []
    starts: dict[str, Any] = {}
    while True:
        page = repository.page(ListRequest([sector_id], ordering="created_at", page_size=100, starts=starts))
        out += repository.records(page.rows)
        if not page.more:
            return out
        starts = page.ends


def _by_volume(keywords: list[Keyword]) -> list[Keyword]:
    return sorted(keywords, key=lambda k: (-(k.volume or 0), k.keyword))


def question(facts: dict[str, Any], answers: Sequence[ClusterNames]) -> dict[str, Any] | None:
    """The next clusters to be named; the names that earlier answers gave are taken."""
    named = [c for answer in answers for c in answer.clusters]
    clusters = facts["clusters"][len(named) : len(named) + NAMED_AT_ONCE]
    if not clusters:
        return None
    done = {"named": len(named), "to_name": len(facts["clusters"])}
    return {**facts, **done, "clusters": clusters, "taken_names": [*facts["taken_names"], *(c.name for c in named)]}


def form(facts: dict[str, Any]) -> Form:
    """Names of the first clusters are kept while the others are asked for: with a slow model that is longer than one Lambda lives, and
    the next one goes on where this one ended."""
    named, to_name = facts["named"], facts["to_name"]
    return Form(ClusterNames, progress=named / to_name, said=f"Naming clusters: {named} of {to_name}.", kept=to_name > NAMED_AT_ONCE)


def joined(answers: Sequence[ClusterNames]) -> ClusterNames:
    """All names; each answer is validated, and together they may be more than one answer's worth."""
    return ClusterNames.model_construct(clusters=[c for answer in answers for c in answer.clusters])


def output_tokens(facts: dict[str, Any]) -> int:
    return max(OUTPUT_TOKENS, 500 + TOKENS_PER_CLUSTER * len(facts["clusters"]))


def apply(ctx: Context, loaded: Loaded, answer: Any, provenance: Origin) -> Outcome:
    """One transaction a cluster: the cluster, its name's sentinel, its keywords. Keywords that meanwhile went elsewhere make it Stale."""
    names = {c.key: c for c in answer.clusters} if answer else {}
    state, sector = loaded.state, loaded.state["sector"]
    taken = {n.casefold() for n in loaded.facts["taken_names"]}
    parts, made, filled, mapped = [], [], [], 0
    clusters, keywords = ctx.repository(CLUSTER), ctx.repository(KEYWORD)
    for g in [*state["groups"], *state["new"]]:
        figures = summary([k.volume for k in [*g.members, *g.keywords]], [k.difficulty for k in [*g.members, *g.keywords]])
        if g.cluster is None:
            name = _free(names[g.key].name, taken)
            cluster = clusters.new(
                sector,
                ulid(ctx.deps.clock.now()),
                name=name,
                description=names[g.key].description,
                generated_by=provenance.provider,
                provenance=provenance.as_json(),
                **figures,
            )
            writes = [*clusters.creating(cluster), *use(ctx, clusters=1)]
            made.append(cluster.id)
        else:
            cluster = clusters.changed(g.cluster, **figures)
            writes = clusters.changing(g.cluster, cluster)
            filled.append(cluster.id)
        pairs = [(k, keywords.changed(k, cluster=cluster.id, status="mapped")) for k in g.keywords]
        for at in range(0, len(pairs), WRITES_PER_PART):
            some = pairs[at : at + WRITES_PER_PART]
            changes: list[Write] = [w for old, new in some for w in keywords.changing(old, new, counted=False)]
            parts.append(Part(f"{cluster.id}.{at}", [*(writes if at == 0 else []), *changes, *keywords.counting(some)], len(some)))
        mapped += len(pairs)
    result = {"clusters": made, "clusters_filled": filled, "keywords": mapped, "left": state["left"]}
    return Outcome(use(ctx, ai_requests=1), 0, result, parts)


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number when it was taken in this very call."""
    free, n = name, 2
    while free.casefold() in taken:
        free, n = f"{name} {n}", n + 1
    taken.add(free.casefold())
    return free


FUNCTION = AIFunction("auto_cluster", "clustering", "sector", ClusterNames, load, apply, question, joined, output_tokens, form)

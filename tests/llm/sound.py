"""What must hold of the account when the local model has done its work, read from the table alone."""

from collections import Counter

from chalicelib.ai import prose
from chalicelib.billing.audit import audit_account
from chalicelib.billing.holds import from_item
from chalicelib.billing.prices import price_of
from chalicelib.billing.usage import PARTITION
from chalicelib.core.entity import Entity
from chalicelib.core.table import Query
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA
from chalicelib.planner.keywords import KEYWORD
from chalicelib.writer.content import CONTENT, body_html
from chalicelib.writer.html import clean_html, outline
from chalicelib.writer.images import IMAGE
from chalicelib.writer.tasks import TASK
from tests.llm.world import CREDITS, World

SLACK_WORDS = 60  # by which a short article may be longer or shorter than asked


class Stored:
    """Everything of the account, by kind."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.keywords, self.clusters, self.ideas = self._all(KEYWORD), self._all(CLUSTER), self._all(IDEA)
        self.tasks, self.contents, self.images = self._all(TASK), self._all(CONTENT), self._all(IMAGE)

    def _all(self, entity: Entity) -> list:
        lists = [entity.place.lists(self._world.ctx.tenant, sector_id) for _, sector_id in self._world.places]
        table = self._world.ctx.deps.table
        return [entity.from_item(i) for lp in lists for i in table.query_all(Query(lp, index="byC", hash_name="lp"))]

    def saved(self) -> dict[str, int]:
        return {
            "auto_cluster": len(self.clusters),
            "generate_ideas": len(self.ideas),
            "generate_content": len(self.contents),
            "generate_image_prompts": len(self.images),
        }


def wrong(world: World, stored: Stored) -> list[str]:
    """Every broken promise, in words; empty when all is well."""
    return [*_credits(world, stored), *_clusters(world, stored), *_ideas(world, stored), *_contents(world, stored), *_images(world, stored)]


def _credits(world: World, stored: Stored) -> list[str]:
    """The ledger adds up, nothing is reserved, and what was charged is the price table's sum over what was saved."""
    found = audit_account(world.ctx.deps.table, world.ctx.tenant, at_rest=True)
    balance = world.ledger.balance()
    if balance.reserved:
        found.append(f"{balance.reserved} credits are still reserved")
    mapped = Counter(k.sector_id for k in stored.keywords if k.cluster)
    tasks = {t.id: t for t in stored.tasks}
    due = {
        "clustering": sum(price_of("clustering").charge(count) for count in mapped.values()),
        "idea": sum(price_of("idea").charge(1) for _ in stored.ideas),
        "content": sum(price_of("content").charge(tasks[c.task].word_count) for c in stored.contents),
        "image_prompts": sum(price_of("image_prompts").charge(1) for c in stored.contents if c.prompts_done),
    }
    charged: Counter[str] = Counter()
    for item in world.ctx.deps.table.query_all(
        Query(f"{world.ctx.tenant}#{PARTITION}", condition="begins_with(sk, :h)", values={":h": "H#"})
    ):
        hold = from_item(item)
        charged[hold.details["operation_type"]] += hold.used
    if +Counter(due) != +charged:
        found.append(f"by the price table {due} credits are due, {dict(charged)} were charged")
    if CREDITS - balance.available != sum(due.values()):
        found.append(f"{CREDITS - balance.available} credits are gone, {sum(due.values())} are due")
    return found


def _clusters(world: World, stored: Stored) -> list[str]:
    """Every keyword is in one cluster or waits; none was invented or lost; names differ within a sector."""
    found = []
    clusters = {c.id: c for c in stored.clusters}
    for sector_id, given in world.given.items():
        there = [k for k in stored.keywords if k.sector_id == sector_id]
        if sorted(k.keyword for k in there) != sorted(given):
            found.append(f"the keywords of {sector_id} are not those that were added")
        for k in there:
            if (k.cluster is None) != (k.status == "new") or (k.cluster and clusters[k.cluster].sector_id != sector_id):
                found.append(f"{k.keyword!r} is {k.status} and in {k.cluster}")
    sizes = Counter(k.cluster for k in stored.keywords if k.cluster)
    found += [
        f"cluster {c.name!r} counts {c.keywords_count} keywords and has {sizes[c.id]}"
        for c in stored.clusters
        if c.keywords_count != sizes[c.id]
    ]
    names = Counter((c.sector_id, c.name.casefold()) for c in stored.clusters)
    return found + [f"the name {name!r} is there {n} times" for (_, name), n in names.items() if n > 1]


def _ideas(world: World, stored: Stored) -> list[str]:
    """Ideas are about keywords of their cluster, all of them together about all that other articles do not answer."""
    members: dict[str, set[str]] = {c.id: set() for c in stored.clusters}
    for k in stored.keywords:
        if k.cluster:
            members[k.cluster].add(k.keyword)
    found, reached = [], {c: set[str]() for c in members}
    for i in stored.ideas:
        wanted = {i.primary_keyword, *i.target_keywords}
        if not wanted <= members[i.keyword_cluster]:
            found.append(f"idea {i.idea_title!r} has keywords that were not given: {wanted - members[i.keyword_cluster]}")
        reached[i.keyword_cluster] |= wanted
    planned = {i.keyword_cluster for i in stored.ideas}
    left = [members[c] - reached[c] - world.answered for c in planned]
    return found + [f"no idea covers {keywords}" for keywords in left if keywords]


def _contents(world: World, stored: Stored) -> list[str]:
    """Articles are one per task, safe as stored, about their keyword and about as long as asked."""
    found, tasks = [], {t.id: t for t in stored.tasks}
    found += [f"task {t} has {n} articles" for t, n in Counter(c.task for c in stored.contents).items() if n > 1]
    for c in stored.contents:
        task, html = tasks[c.task], body_html(world.ctx, c)
        text = prose.visible_text(html)
        if c.primary_keyword != task.primary_keyword or not {*c.secondary_keywords} <= {c.primary_keyword, *_of_cluster(stored, c.cluster)}:
            found.append(f"article {c.title!r} has keywords that were not given: {c.primary_keyword}, {c.secondary_keywords}")
        if not html or clean_html(html) != html:
            found.append(f"article {c.title!r} is stored with HTML that is empty or not clean")
        if not prose.covers(text, task.primary_keyword):
            found.append(f"article {c.title!r} does not cover {task.primary_keyword!r}")
        if abs(prose.word_count(text) - task.word_count) > max(SLACK_WORDS, 0.4 * task.word_count):
            found.append(f"article {c.title!r} has {prose.word_count(text)} words of {task.word_count}")
        if task.status != "completed" or task.content != c.id:
            found.append(f"task {task.id} is {task.status} though it is written")
    return found


def _of_cluster(stored: Stored, cluster: str) -> set[str]:
    return {k.keyword for k in stored.keywords if k.cluster == cluster}


def _images(world: World, stored: Stored) -> list[str]:
    """One featured picture an article, the others after headings that the article has, all with a prompt and an alternative text."""
    found = []
    for c in stored.contents:
        images = [i for i in stored.images if i.content == c.id]
        headings = {h.text for h in outline(body_html(world.ctx, c))}
        kinds = Counter(i.image_type for i in images)
        if bool(images) != c.prompts_done or (images and kinds["featured"] != 1):
            found.append(f"article {c.title!r} has pictures {dict(kinds)}")
        found += [
            f"a picture stands after {i.after_heading!r}" for i in images if i.after_heading is not None and i.after_heading not in headings
        ]
        found += [f"picture {i.id} has no prompt or no alternative text" for i in images if not i.prompt or not i.alt]
    return found

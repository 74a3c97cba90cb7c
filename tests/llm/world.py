"""Where the local model works: the embedded stack, one account with a known balance, and a supply of work for each text function.

Each supply gives the next item there is, made as a customer would make it: keywords are added, ideas are queued, tasks are shortened.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from chalicelib import deps as wiring
from chalicelib.auth.sites import Sectors, Sites
from chalicelib.billing.credits import Ledger
from chalicelib.core.context import Context, ProviderChoice
from chalicelib.planner.clusters import Clusters
from chalicelib.planner.ideas import Ideas
from chalicelib.planner.keywords import Keywords
from chalicelib.ports import TextModel
from chalicelib.system.prompts import Prompts
from chalicelib.writer.content import CONTENT, waiting_contents
from chalicelib.writer.tasks import Tasks, queue_idea
from tests.automation.pipeline import new_account

ROOT = Path(__file__).parents[2]
FILES = ("keywords.csv", "keywords-dog-training.csv", "keywords-pension-planning.csv")
FUNCTIONS = ("auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts")
SECTORS_PER_SITE, KEYWORDS_PER_FILE = 5, 3
CREDITS = 20_000
ARTICLE_WORDS = 100  # the shortest article a task may ask for


@dataclass
class World:
    """ctx: of the account's background work. places: (site, sector) of every sector made. given: sector -> keywords added to it.
    put_aside: items that failed for good. answered: keywords that need no idea, since another article answers them, as the result said."""

    ctx: Context
    places: list[tuple[str, str]] = field(default_factory=list)
    given: dict[str, list[str]] = field(default_factory=dict)
    put_aside: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)

    @classmethod
    def make(cls, model: TextModel) -> "World":
        """A new account on the running stack whose text model is this one, with the prompts beside this file as its own."""
        wiring.use(None)
        real = wiring.current()
        offline = ProviderChoice("offline")
        deps = replace(real, text=lambda choice: model, embedder=lambda choice: wiring.embedder(real.config, offline))
        ctx = new_account(deps)
        world = cls(ctx)
        world.ledger.grant("to-begin-with", CREDITS - world.ledger.balance().available, kind="adjustment")
        for name in FUNCTIONS:
            text = (Path(__file__).parent / "prompts" / f"{name}.md").read_text(encoding="utf-8")
            Prompts(ctx).create({"prompt_type": name, "prompt_value": text})
        return world

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.ctx.deps.table, self.ctx.tenant, self.ctx.deps.clock)

    # -- work, by function
    def sectors(self) -> Iterator[str]:
        """Sectors with a few keywords of two niches each; no end of them."""
        niches = [_keywords(name) for name in FILES]
        for number in count(len(self.places)):
            site_id, sector_id = self._sector(number)
            two = (niches[number % 3], niches[(number + 1) % 3])
            texts = [t for niche in two for t in _slice(niche, number * KEYWORDS_PER_FILE, KEYWORDS_PER_FILE)]
            for text in texts:
                Keywords(self.ctx).create({"site_id": site_id, "sector_id": sector_id, "keyword": text})
            self.given[sector_id] = texts
            yield sector_id

    def clusters(self) -> Iterator[str]:
        """Clusters without ideas."""
        for _, sector_id in self.places:
            yield from [c.id for c in Clusters(self.ctx).pending(sector_id) if c.id not in self.put_aside]

    def tasks(self) -> Iterator[str]:
        """Tasks made of the ideas: a short article on the idea's primary keyword, as an editor may shorten it."""
        for _, sector_id in self.places:
            yield from [t.id for t in Tasks(self.ctx).pending(sector_id) if t.id not in self.put_aside]
            for idea in Ideas(self.ctx).pending(sector_id):
                keyword = idea.primary_keyword
                changed = {"title": keyword.capitalize(), "keywords": keyword, "word_count": ARTICLE_WORDS}
                yield queue_idea(self.ctx, idea.id, **changed).id

    def contents(self) -> Iterator[str]:
        """Articles without image prompts."""
        for _, sector_id in self.places:
            yield from [
                c.id for c in self.ctx.repository(CONTENT).collection(waiting_contents(sector_id, "prompts")) if c.id not in self.put_aside
            ]

    def supply(self, function: str) -> Iterator[str]:
        supplies = {
            "auto_cluster": self.sectors,
            "generate_ideas": self.clusters,
            "generate_content": self.tasks,
            "generate_image_prompts": self.contents,
        }
        return supplies[function]()

    def _sector(self, number: int) -> tuple[str, str]:
        site_number, sector_number = divmod(number, SECTORS_PER_SITE)
        if sector_number == 0:
            site_id = Sites(self.ctx).create({"name": f"Site {site_number}", "slug": f"site-{site_number}"}).id
        else:
            site_id = self.places[-1][0]
        sector = Sectors(self.ctx).create({"site_id": site_id, "name": f"Sector {sector_number}", "slug": f"sector-{sector_number}"})
        self.places.append((site_id, sector.id))
        return self.places[-1]


def _keywords(name: str) -> list[str]:
    with (ROOT / "examples" / name).open(encoding="utf-8-sig", newline="") as file:
        return [(row.get("keyword") or row["Keyword"]).strip() for row in csv.DictReader(file)]


def _slice(texts: list[str], start: int, size: int) -> list[str]:
    return [texts[(start + n) % len(texts)] for n in range(size)]

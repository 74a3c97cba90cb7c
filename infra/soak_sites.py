"""Fifty sites of ten accounts, all running at once: each has a word of its own in its keywords, and nothing of another's may turn up in
what belongs to it."""

import gzip
import itertools
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.core.context import Context, Deps
from chalicelib.core.ids import site_of

ACCOUNTS, SITES_OF_EACH = 10, 5
SECONDS_MAX = 1200
KEYWORDS = (
    "{} grinder",
    "best {} grinder",
    "{} grinder price",
    "{} grinder reviews",
    "{} grinder for beginners",
    "how to clean a {} grinder",
)


@dataclass
class SoakSite:
    """word: in all its keywords, and in no other site's."""

    ctx: Context
    site: str
    sector: str
    word: str
    run: str = ""


@dataclass
class Outcome:
    """wrong: what is not where it belongs, in words."""

    sites: int = 0
    articles: int = 0
    objects: int = 0
    files: int = 0
    wrong: list[str] = field(default_factory=list)


def words() -> Iterator[str]:
    """Invented words that are no part of one another, the same ones every time."""
    starts, middles, ends = ("ba", "ke", "lo", "mu", "ti"), ("dra", "fne", "gli", "spo"), ("vox", "zim", "rund")
    return ("".join(parts) for parts in itertools.product(starts, middles, ends))


def make_sites(deps: Deps, accounts: int = ACCOUNTS, each: int = SITES_OF_EACH) -> list[SoakSite]:
    """The accounts and sites, with their keywords, a target and the automation set to publish everything."""
    from chalicelib.auth.onboarding import create_account
    from chalicelib.auth.sites import Sectors, Sites
    from chalicelib.automation.schedule import save_config
    from chalicelib.core.scope import Scope
    from chalicelib.integration.connections import Connections
    from chalicelib.planner.keyword_identity import keyword_id
    from chalicelib.planner.keywords import KEYWORD
    from infra.local.seed import DEMO_PLAN, password

    made: list[SoakSite] = []
    free = words()
    for n in range(accounts):
        account, _ = create_account(
            deps, name=f"Soak {n}", slug=f"soak-{n}", email=f"owner@soak{n}.test", password=password(), status="active", plan=DEMO_PLAN
        )
        ctx = Context(Scope.worker(account.id), deps)
        for m in range(each):
            site = Sites(ctx).create({"name": f"Site {m}", "slug": f"site-{m}", "ideas_per_cluster": 1}).id
            sector = Sectors(ctx).create({"site_id": site, "name": "General", "slug": "general"}).id
            Connections(ctx).create({"site_id": site, "name": "Static site", "target": "static"})
            save_config(ctx, site, {"publish_mode": "auto", "between_stage_delay_seconds": 0})
            word, keywords = next(free), ctx.repository(KEYWORD)
            for form in KEYWORDS:
                text = form.format(word)
                keywords.create(keywords.new(sector, keyword_id(text, None, ""), keyword=text, volume_override=100, difficulty_override=10))
            made.append(SoakSite(ctx, site, sector, word))
    return made


def run_all(sites: list[SoakSite]) -> None:
    """Start every site's run, and wait until the last has ended. Raises: TimeoutError."""
    from chalicelib.automation import control
    from chalicelib.automation.runs import ACTIVE, Runs

    for one in sites:
        one.run = control.start(one.ctx, one.site).id
    deadline, going = time.monotonic() + SECONDS_MAX, list(sites)
    while going := [one for one in going if Runs(one.ctx).get(one.run).status in ACTIVE]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(going)} of {len(sites)} runs have not ended")
        time.sleep(1)


def check(deps: Deps, sites: list[SoakSite], static: Path) -> Outcome:
    """Is everything where it belongs, and does every ledger add up? static: the folder in which the target has its sites."""
    outcome = Outcome(len(sites))
    for one in sites:
        outcome.wrong += _run_of(one, outcome)
    outcome.wrong += _ledgers(sites)
    outcome.wrong += _tables(deps, sites, outcome)
    outcome.wrong += _files(deps, sites, static, outcome)
    return outcome


def _run_of(one: SoakSite, outcome: Outcome) -> Iterator[str]:
    from chalicelib.automation.runs import Runs

    runs = Runs(one.ctx)
    shown = runs.shown(runs.get(one.run))
    outcome.articles += shown["stages"][6]["done"]
    if shown["status"] != "completed":
        yield f"the run of {one.word} is {shown['status']}: {shown['reason']}"
    figures = [(s["items_in"], s["done"], s["failed"], s["skipped"]) for s in shown["stages"]]
    if any(found != (1, 1, 0, 0) for found in figures):
        yield f"the stages of {one.word} did {figures}, not one item each"
    if runs.holder(one.site) is not None:
        yield f"the site of {one.word} is still locked"


def _ledgers(sites: Iterable[SoakSite]) -> Iterator[str]:
    from chalicelib.automation.runs import Runs
    from chalicelib.billing.audit import audit_account
    from chalicelib.core.table import Query

    by_tenant: dict[str, list[SoakSite]] = defaultdict(list)
    for one in sites:
        by_tenant[one.ctx.tenant].append(one)
    for tenant, own in by_tenant.items():
        table = own[0].ctx.deps.table
        yield from (f"ledger of {tenant}: {line}" for line in audit_account(table, tenant, at_rest=True))
        charged: dict[str, int] = defaultdict(int)
        for hold in table.query_all(Query(f"{tenant}#B", condition="begins_with(sk, :h)", values={":h": "H#"}, consistent=True)):
            charged[json.loads(hold["facts"]).get("run_id", "")] += hold.get("used", 0)
        for one in own:
            runs = Runs(one.ctx)
            figure = sum(s["credits"] for s in runs.stages(runs.get(one.run)))
            if charged.pop(one.run, 0) != figure:
                yield f"the run of {one.word} says {figure} credits, the ledger does not"
        if left := {k: v for k, v in charged.items() if v}:
            yield f"{tenant} was charged for something else: {left}"


def _tables(deps: Deps, sites: list[SoakSite], outcome: Outcome) -> Iterator[str]:
    """Each item of a site names only its own site's word and ids; items of an account only those of its sites."""
    by_site = {one.site: one for one in sites}
    of_tenant: dict[str, set[str]] = defaultdict(set)
    for one in sites:
        of_tenant[one.ctx.tenant].add(one.word)
    contents: dict[str, str] = {}  # the part of a content's id that names its partition -> site
    rows = [item for table in (deps.table, deps.ops) for item in table.scan_all() if item["pk"].partition("#")[0] in of_tenant]
    for item in rows:
        if item.get("kind") == "content":
            contents[item["id"].partition("-")[2]] = item["site_id"]
    any_word = re.compile("|".join(one.word for one in sites))
    any_site = re.compile("|".join(map(re.escape, by_site)))
    for item in rows:
        outcome.objects += 1
        tenant, _, rest = item["pk"].partition("#")
        text = json.dumps(_readable(item), default=str)
        site = _site_of(item, rest, contents, by_site)
        allowed = {by_site[site].word} if site else of_tenant[tenant]
        where = f"{item['pk']} {item['sk']}"
        if strange := set(any_word.findall(text)) - allowed:
            yield f"{where} speaks of {sorted(strange)}, which belongs to another site"
        if site and (strange := set(any_site.findall(text)) - {site}):
            yield f"{where} belongs to {site} and names {sorted(strange)}"
        if not site and (strange := {s for s in any_site.findall(text) if by_site[s].ctx.tenant != tenant}):
            yield f"{where} belongs to {tenant} and names another account's {sorted(strange)}"


def _readable(item: dict[str, Any]) -> dict[str, Any]:
    return {k: gzip.decompress(v).decode() if k == "gz" else v for k, v in item.items()}


def _site_of(item: dict[str, Any], rest: str, contents: dict[str, str], sites: dict[str, SoakSite]) -> str | None:
    """The site an item belongs to; None: to the account, or to nobody in particular."""
    first, _, second = rest.partition("#")
    if first == "P":
        return contents[second.partition("#")[0]]
    if site_of(first) in sites:
        return site_of(first)
    found = item.get("site_id")
    return found if found in sites else None


def _files(deps: Deps, sites: list[SoakSite], static: Path, outcome: Outcome) -> Iterator[str]:
    """Stored files lie under their account's prefix and speak of its sites alone; published pages of their own site alone."""
    any_word = re.compile("|".join(one.word for one in sites).encode())
    of_tenant: dict[str, set[bytes]] = defaultdict(set)
    for one in sites:
        of_tenant[one.ctx.tenant].add(one.word.encode())
    for tenant, allowed in of_tenant.items():
        for name in deps.files.list(f"{tenant}/"):
            outcome.files += 1
            data = deps.files.get(name)
            text = gzip.decompress(data) if name.endswith(".gz") else data
            if strange := set(any_word.findall(text)) - allowed:
                yield f"{name} speaks of {strange}, which belongs to another account"
    for one in sites:
        pages = [path for path in (static / one.site).rglob("*") if path.is_file()]
        outcome.files += len(pages)
        if not any(path.name == "index.html" for path in pages):
            yield f"nothing of {one.word} is published"
        for path in pages:
            if strange := set(any_word.findall(path.read_bytes())) - {one.word.encode()}:
                yield f"{path.relative_to(static)} speaks of {strange}, which belongs to another site"

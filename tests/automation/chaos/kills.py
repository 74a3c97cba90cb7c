"""The served stack ended by SIGKILL in the middle of a run and started again on its data: the run goes on, nothing is there twice.

Each round has a site of its own, with the same keywords; the first of a chain is not disturbed and says what the others must come to.
Everything is asked over HTTP on loopback; at the end of a chain the stopped stack's own data say whether the ledger adds up.
"""

import json
import random
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.local.demo import Client
from tests.e2e.served import Served

KINDS = ("planner/clusters", "planner/ideas", "writer/tasks", "writer/content", "writer/images")
KEYWORDS = tuple(
    f"{thing} {what}" for thing in ("espresso machine", "garden hose") for what in ("cleaning", "repair", "price", "for beginners")
)
ENDED = ("completed", "failed", "cancelled")
LIMIT_SECONDS = 600  # of one round; a machine may be busy
_one_at_a_time = threading.Lock()  # there is one stack in a process


@dataclass
class Round:
    """after_seconds: since the run was asked for; stage: the run's at the kill; waited: it had nothing in hand; found: how many of each
    kind there are at the end."""

    run: str = ""
    after_seconds: float = 0.0
    stage: int = 0
    waited: bool = False
    status: str = ""
    resumed: bool = False
    found: dict[str, int] = field(default_factory=dict)
    credits: int = 0
    seconds: float = 0.0
    doubled: int = 0
    ledger: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        return self.status == "completed" and not self.wrong and not self.ledger and not self.doubled

    def row(self) -> list[str]:
        """Cells of the table."""
        then = f"{self.status}, resumed by hand" if self.resumed else self.status
        articles, ledger = str(self.found.get("writer/content", 0)), "exact" if not self.ledger else "WRONG"
        work = "waits" if self.waited else "works"
        return [f"{self.after_seconds:.1f}", str(self.stage), work, then, articles, str(self.doubled), ledger, f"{self.seconds:.0f}"]


def killed_rounds(kills: int, seed: int, jobs: int) -> list[Round]:
    """So many rounds, in as many chains as there are jobs."""
    chains = max(1, min(jobs, kills))
    shares = [kills // chains + (n < kills % chains) for n in range(chains)]
    with ThreadPoolExecutor(chains) as pool:
        return [one for chain in pool.map(_chain, shares, (seed * 100 + n for n in range(chains))) for one in chain]


def _chain(kills: int, seed: int) -> list[Round]:
    dice, folder = random.Random(seed), Path(tempfile.mkdtemp(prefix="chaos-"))
    served = Served(folder)
    try:
        served.start()
        first, rounds = _round(served, "first", None), []
        if not first.well:
            return [first]
        for n in range(kills):
            rounds.append(_round(served, f"round-{n}", dice.uniform(0.0, first.seconds * 1.05), at_work=n % 2 == 0))
            _compare(rounds[-1], first.found)
        served.stop()
        _audit(folder, rounds)
        return rounds
    finally:
        if served.process.poll() is None:
            served.stop(signal.SIGKILL)
        shutil.rmtree(folder)


def _round(served: Served, name: str, kill_after: float | None, *, at_work: bool = False) -> Round:
    """kill_after: seconds after the run was asked for; at_work: as soon after them as the run works on something."""
    client, one = Client(served.url), Round()
    site = _site(client, name)
    started = time.monotonic()
    run = client.call("POST", "automation/run_now/", json={"site_id": site})
    one.run = run["id"]
    if kill_after is not None:
        time.sleep(kill_after)
        shown = client.call("GET", f"automation/runs/{run['id']}/")
        while at_work and not shown["in_hand"] and shown["status"] not in ENDED:
            time.sleep(0.02)
            shown = client.call("GET", f"automation/runs/{run['id']}/")
        one.stage, one.waited = shown["current_stage"], not shown["in_hand"]
        one.after_seconds = time.monotonic() - started
        served.stop(signal.SIGKILL)
        served.start()
        client = Client(served.url)
    _to_its_end(client, one, time.monotonic() + LIMIT_SECONDS)
    one.seconds = time.monotonic() - started
    _look(client, one, site, served.folder)
    return one


def _site(client: Client, name: str) -> str:
    """A new site with a sector, keywords, a target, and settings that publish everything; between stages its runs wait a second, so that
    kills meet them waiting, too."""
    site = client.call("POST", "auth/sites/", json={"name": "Chaos", "slug": name, "ideas_per_cluster": 1, "in_article_images": 1})["id"]
    sector = client.call("POST", "auth/sectors/", json={"site_id": site, "name": "General", "slug": "general"})["id"]
    client.call("POST", "integration/connections/", json={"site_id": site, "name": "Static", "target": "static"})
    text = "keyword,volume\n" + "\n".join(f"{keyword},100" for keyword in KEYWORDS)
    files = {"file": ("keywords.csv", text.encode(), "text/csv")}
    client.call("POST", "planner/keywords/import_keywords/", params={"site_id": site, "sector_id": sector}, files=files)
    settings = {"publish_mode": "auto", "between_stage_delay_seconds": 1}
    client.call("PUT", "automation/config/", params={"site_id": site}, json=settings)
    return str(site)


def _to_its_end(client: Client, one: Round, deadline: float) -> None:
    while True:
        run = client.call("GET", f"automation/runs/{one.run}/")
        one.status, one.credits = run["status"], run["credits"]
        if one.status in ENDED:
            one.wrong += [f"{one.run}: stage {s['number']} {s['state']}, {s['failed']} failed" for s in run["stages"] if s["failed"]]
            return
        if one.status == "paused" and not one.resumed:
            one.resumed = True
            client.call("POST", f"automation/runs/{one.run}/resume/")
        if time.monotonic() > deadline:
            one.wrong.append(f"{one.run} is {one.status} ({run['reason']}) after {LIMIT_SECONDS} s")
            return
        time.sleep(0.3)


def _look(client: Client, one: Round, site: str, folder: Path) -> None:
    """Count what the site has, and what it has twice."""
    rows = {kind: client.rows(f"{kind}/", site_id=site) for kind in KINDS}
    one.found = {kind: len(found) for kind, found in rows.items()}
    # which idea came first decides on the other's length, and that on its price (billing/prices.py): the rest is always the same
    written = sum(max(5, -(-r["estimated_word_count"] // 100)) for r in rows["planner/ideas"])
    one.found["credits besides the articles'"] = one.credits - written
    sames: list[list[Any]] = [
        [r["name"] for r in rows["planner/clusters"]],
        [r["primary_keyword"] for r in rows["planner/ideas"]],
        [r["idea"] for r in rows["writer/tasks"]],
        [r["task"] for r in rows["writer/content"]],
        [(r["content"], r["image_type"], r["position"]) for r in rows["writer/images"]],
    ]
    one.doubled = sum(n - 1 for keys in sames for n in Counter(keys).values())
    one.wrong += [f"{r['title']} is {r['status']}, {r['sync_status']}" for r in rows["writer/content"] if r["sync_status"] != "synced"]
    one.wrong += [f"image {r['id']} is {r['status']}" for r in rows["writer/images"] if r["status"] != "generated"]
    pages = len(list((folder / "static" / site).rglob("*.html"))) - 1  # one is the index
    if pages != one.found["writer/content"]:
        one.wrong.append(f"{pages} pages of {one.found['writer/content']} articles")
    if client.call("GET", "automation/current_run/", params={"site_id": site}) is not None:
        one.wrong.append("the site is still locked")


def _compare(one: Round, expected: dict[str, int]) -> None:
    one.wrong += [f"{one.run}: {one.found[k]} {k}, undisturbed {n}" for k, n in expected.items() if one.found[k] != n]


def _audit(folder: Path, rounds: list[Round]) -> None:
    """Of the stopped stack's own data: the invariants of every ledger, and that runs say what they were charged."""
    from chalicelib import deps as wiring
    from chalicelib.billing.audit import audit_account
    from infra.build import template
    from infra.local.seed import demo_context
    from infra.local.stack import LocalStack

    with _one_at_a_time, LocalStack(template("local"), folder):
        wiring.use(None)
        ctx = demo_context(wiring.current())[0]
        found = audit_account(ctx.deps.table, ctx.tenant, at_rest=True)
        used: Counter[str] = Counter()
        for item in ctx.deps.table.scan_all():
            if item["sk"].startswith("H#run."):
                used[json.loads(item["facts"])["run_id"]] += item["used"]
    wiring.use(None)
    for one in rounds:
        own = [line for line in found if one.run in line]
        own += [f"{one.run} says {one.credits} credits, {used[one.run]} were charged"] if used[one.run] != one.credits else []
        one.ledger += own
    if rest := [line for line in found if not any(one.run in line for one in rounds)]:
        rounds[-1].ledger += rest
    for one in rounds:
        one.wrong += one.ledger

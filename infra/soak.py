"""`make soak`: a thousand keywords to 150 published articles with images on the embedded stack, then fifty sites' runs at once; what it
took, and whether everything is where it belongs. Ends with 1 when something is not as promised."""

import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from requests.exceptions import Timeout
from rich.console import Console
from rich.table import Table

from infra import soak_sites
from infra.local import gateway
from infra.local.demo import Client
from infra.local.session import Session
from infra.soak_keywords import keyword_file
from infra.soak_measure import History, Usage, history, rss_mb

KEYWORDS = int(os.environ.get("KEYWORDS") or 1000)
ARTICLES = int(os.environ.get("ARTICLES") or 150)
CPU_SECONDS_MAX = 300  # of this process: what a run takes of the clock where nothing else runs; it hardly ever uses more than one core
GROWTH_MAX_KB = 600  # of memory for an article, of which most is what simulated services store of it
CREDITS = 50_000
console = Console(highlight=False)


@dataclass
class Step:
    """Where the process stood when a stage had ended: CPU seconds and MB of memory."""

    cpu: float
    memory_mb: float


@dataclass
class OneSite:
    run: dict[str, Any]
    usage: Usage
    steps: dict[int, Step]
    history: History
    failures: list[dict[str, Any]]
    calls: Counter[str]
    polls: int


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, Session(fresh=True, port=0, data=Path(folder)) as session:
        wrong = _show_one(_one_site(session))
        wrong += _show_many(session)
    for line in wrong:
        console.print(f"[bold red]wrong:[/] {line}")
    console.print("[bold]all as promised[/]" if not wrong else f"[bold red]{len(wrong)} things are not as promised[/]")
    return 1 if wrong else 0


def _one_site(session: Session) -> OneSite:
    """Everything through the API, as a customer's program would."""
    from chalicelib import deps
    from chalicelib.billing.credits import Ledger
    from infra.local.seed import demo_context

    ctx, site, sector = demo_context(deps.current())
    Ledger(ctx.deps.table, ctx.tenant, ctx.deps.clock).grant("soak", CREDITS, kind="adjustment")
    client = Client(session.server.url)
    before, polls = Counter(gateway.calls()), 0
    with Usage() as usage:
        where = {"site_id": site, "sector_id": sector}
        upload = {"file": ("soak.csv", keyword_file(KEYWORDS), "application/octet-stream")}
        client.call("POST", "planner/keywords/import_keywords/", params=where, files=upload)
        settings = {"publish_mode": "auto", "between_stage_delay_seconds": 0, "max_items_per_stage": ARTICLES}
        client.call("PUT", "automation/config/", params={"site_id": site}, json=settings)
        run = client.call("POST", "automation/run_now/", json={"site_id": site})
        steps: dict[int, Step] = {}
        while run["status"] in ("created", "running"):
            time.sleep(1)
            try:
                run, polls = client.call("GET", f"automation/runs/{run['id']}/"), polls + 1
            except Timeout:  # a machine with too much to do; the run goes on
                continue
            for stage in run["stages"]:
                if stage["state"] == "completed" and stage["number"] not in steps:
                    steps[stage["number"]] = Step(time.process_time(), rss_mb())
    calls = Counter(gateway.calls()) - before
    failures = client.call("GET", f"automation/runs/{run['id']}/failures/")
    return OneSite(run, usage, steps, history(boto3.client("stepfunctions"), _executions(ctx, run["id"])), failures, calls, polls)


def _executions(ctx: Any, run_id: str) -> list[str]:
    from chalicelib.automation.runs import Runs

    machine = ctx.deps.config.state_machine_arn.replace(":stateMachine:", ":execution:")
    return [f"{machine}:{ctx.tenant}-{run_id}-{n}" for n in range(1, Runs(ctx).get(run_id).attempt + 1)]


def _show_one(one: OneSite) -> list[str]:
    """Print what one site's run took. Returns what is wrong with it."""
    stages = Table(title=f"{KEYWORDS} keywords of one site")
    for name in ("Stage", "In", "Done", "Failed", "Credits", "Seconds", "CPU s", "Memory MB"):
        stages.add_column(name, justify="left" if name == "Stage" else "right")
    cpu = one.usage.cpu_at_start
    for s in one.run["stages"]:
        step = one.steps.get(s["number"])
        taken = f"{step.cpu - cpu:.0f}" if step else ""
        cpu = step.cpu if step else cpu
        row = (f"{s['number']} {s['name']}", *(str(s[k]) for k in ("items_in", "done", "failed", "credits", "seconds")))
        stages.add_row(*row, taken, f"{step.memory_mb:.0f}" if step else "")
    console.print(stages)
    articles = one.run["stages"][6]["done"]
    each = articles or 1
    growth = _growth_kb(one, each)
    console.print(f"{articles} articles published; the run is {one.run['status']}. {one.run['reason'] or ''}")
    console.print(f"wall {one.usage.wall:.0f} s, CPU {one.usage.cpu:.0f} s ({one.usage.cpu / each:.2f} s an article)")
    console.print(f"memory: {one.usage.memory()}; {growth:.0f} KB an article once every stage's code is loaded")
    h = one.history
    console.print(
        f"Step Functions: {len(one.steps)} stages, {h.executions} executions, {h.events} history events ({h.events / each:.1f} an article, "
        f"at most {h.longest} in one execution), {h.transitions} state transitions ({h.transitions / each:.1f} an article): "
        f"{h.dollars:.4f} dollars, {h.dollars / each:.6f} an article at list price"
    )
    asked = ", ".join(f"{name} {n / each:.1f}" for name, n in one.calls.most_common(9))
    console.print(f"calls of AWS an article, {one.polls} looks at the run included: {asked}")
    wrong = [f"stage {f['stage']}, {f['item']} failed: {f['detail']}" for f in one.failures]
    if one.run["status"] != "completed" or articles != ARTICLES:
        wrong.append(f"{articles} of {ARTICLES} articles were published, the run is {one.run['status']}")
    if one.usage.cpu > CPU_SECONDS_MAX:
        wrong.append(f"it took {one.usage.cpu:.0f} s of CPU, more than {CPU_SECONDS_MAX}")
    if growth > GROWTH_MAX_KB:
        wrong.append(f"memory grew by {growth:.0f} KB an article, more than {GROWTH_MAX_KB}")
    return wrong


def _growth_kb(one: OneSite, articles: int) -> float:
    """By how much memory grew for each article after stage 3, where the model of the embedder and all libraries are loaded."""
    begin, end = one.steps.get(3), one.steps.get(7)
    return (end.memory_mb - begin.memory_mb) * 1024 / articles if begin and end else 0.0


def _show_many(session: Session) -> list[str]:
    """Run fifty sites at once and print it. Returns what is wrong."""
    from chalicelib import deps

    sites = soak_sites.make_sites(deps.current())
    with Usage() as usage:
        soak_sites.run_all(sites)
    session.stack.drain(60)
    found = soak_sites.check(deps.current(), sites, session.data / "static")
    console.print(
        f"{found.sites} sites of {soak_sites.ACCOUNTS} accounts at once: {found.articles} articles, wall {usage.wall:.0f} s, "
        f"CPU {usage.cpu:.0f} s, memory {usage.memory()}"
    )
    console.print(f"{found.objects} items and {found.files} files looked at: {len(found.wrong)} not where they belong")
    return found.wrong


if __name__ == "__main__":
    sys.exit(main())

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
from infra.soak_memory import Growth, Look, growth, stored_kb

KEYWORDS = int(os.environ.get("KEYWORDS") or 1000)
ARTICLES = int(os.environ.get("ARTICLES") or 150)
CPU_SECONDS_MAX = 300  # of this process: what a run takes of the clock where nothing else runs; it hardly ever uses more than one core
ARTICLE_STAGES = range(4, 8)
LOOKS = ("automation/runs/{id}", "automation/current_run")  # what a page that shows a run's progress asks each second
LOOK_TABLE_CALLS_MAX = 5  # the run, its stages, what it has in hand; where only the site is named, that and its lock before
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
    growth: Growth
    looked: list[dict[str, Any]]


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
        stored: dict[int, dict[str, float]] = {}
        looks: list[Look] = []
        while run["status"] in ("created", "running"):
            time.sleep(1)
            try:
                run, polls = client.call("GET", f"automation/runs/{run['id']}/"), polls + 1
                client.call("GET", "automation/current_run/", params={"site_id": site})
            except Timeout:  # a machine with too much to do; the run goes on
                continue
            looks += [Look(s["number"], s["done"], rss_mb()) for s in run["stages"] if s["state"] == "running"]
            for stage in run["stages"]:
                if stage["state"] == "completed" and stage["number"] not in steps:
                    steps[stage["number"]] = Step(time.process_time(), rss_mb())
                    stored[stage["number"]] = stored_kb() if stage["number"] in (3, 7) else {}
    calls = Counter(gateway.calls()) - before
    failures = client.call("GET", f"automation/runs/{run['id']}/failures/")
    took = client.call("GET", "system/metrics/", params={"period": "hour"})["routes"]
    return OneSite(
        run,
        usage,
        steps,
        history(boto3.client("stepfunctions"), _executions(ctx, run["id"])),
        failures,
        calls,
        polls,
        _growth(run, looks, stored),
        [route for route in took if route["path"].endswith(LOOKS)],
    )


def _growth(run: dict[str, Any], looks: list[Look], stored: dict[int, dict[str, float]]) -> Growth:
    """Of memory with each article, in the stages that work on articles."""
    more = sum(stored.get(7, {}).values()) - sum(stored.get(3, {}).values())
    return growth([look for look in looks if look.stage in ARTICLE_STAGES], more / (run["stages"][6]["done"] or 1))


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
    console.print(f"{articles} articles published; the run is {one.run['status']}. {one.run['reason'] or ''}")
    console.print(f"wall {one.usage.wall:.0f} s, CPU {one.usage.cpu:.0f} s ({one.usage.cpu / each:.2f} s an article)")
    g = one.growth
    console.print(
        f"memory: {one.usage.memory()}; with each article {g.kb:.0f} ± {g.error_kb:.0f} KB more, allowed {g.allowed_kb:.0f} KB: twice the "
        f"{g.stored_kb:.0f} KB that simulated services store of it, and twice the error"
    )
    h = one.history
    console.print(
        f"Step Functions: {len(one.steps)} stages, {h.executions} executions, {h.events} history events ({h.events / each:.1f} an article, "
        f"at most {h.longest} in one execution), {h.transitions} state transitions ({h.transitions / each:.1f} an article): "
        f"{h.dollars:.4f} dollars, {h.dollars / each:.6f} an article at list price"
    )
    asked = ", ".join(f"{name} {n / each:.1f}" for name, n in one.calls.most_common(9))
    console.print(f"calls of AWS an article, {2 * one.polls} looks at the run included: {asked}")
    for route in one.looked:
        took = f"{route['table_calls_mean']} calls of DynamoDB, {route['cpu_ms_mean']} ms CPU, {route['latency_ms_mean']} ms in all"
        console.print(f"a look, {route['method']} {route['path']}: {took}, and one call to know who asks")
    wrong = [f"stage {f['stage']}, {f['item']} failed: {f['detail']}" for f in one.failures]
    if one.run["status"] != "completed" or articles != ARTICLES:
        wrong.append(f"{articles} of {ARTICLES} articles were published, the run is {one.run['status']}")
    if one.usage.cpu > CPU_SECONDS_MAX:
        wrong.append(f"it took {one.usage.cpu:.0f} s of CPU, more than {CPU_SECONDS_MAX}")
    if not g.flat:
        wrong.append(f"memory grew by {g.kb:.0f} KB an article, more than {g.allowed_kb:.0f}")
    wrong += [
        f"a look asks DynamoDB {r['table_calls_mean']} times: {r['path']}"
        for r in one.looked
        if r["table_calls_mean"] > LOOK_TABLE_CALLS_MAX
    ]
    if len(one.looked) != len(LOOKS):
        wrong.append(f"of {len(LOOKS)} ways to look at a run, {len(one.looked)} were measured")
    return wrong


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

"""`make soak`: a thousand keywords to 150 articles with images on the embedded stack, then 50 sites' runs at once; what it took, and
whether everything is where it belongs."""

import sys
import tempfile
import time
from pathlib import Path

import boto3
from rich.console import Console

from infra.local.demo import Client
from infra.local.session import Session
from infra.soak_keywords import keyword_file
from infra.soak_measure import Usage, history

KEYWORDS, ARTICLES = 1000, 150
WALL_SECONDS_MAX = 300
console = Console(highlight=False)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, Session(fresh=True, port=0, data=Path(folder)) as session:
        _one_site(session)
    return 0


def _one_site(session: Session) -> None:
    from chalicelib import deps
    from chalicelib.automation.runs import Runs
    from chalicelib.billing.credits import Ledger
    from infra.local.seed import demo_context

    ctx, site, sector = demo_context(deps.current())
    Ledger(ctx.deps.table, ctx.tenant, ctx.deps.clock).grant("soak", 50_000, kind="adjustment")
    client = Client(session.server.url)
    with Usage() as usage:
        report = client.call(
            "POST",
            "planner/keywords/import_keywords/",
            params={"site_id": site, "sector_id": sector},
            files={"file": ("soak.csv", keyword_file(KEYWORDS), "application/octet-stream")},
        )
        settings = {"publish_mode": "auto", "between_stage_delay_seconds": 0, "max_items_per_stage": ARTICLES}
        client.call("PUT", "automation/config/", params={"site_id": site}, json=settings)
        run = client.call("POST", "automation/run_now/", json={"site_id": site})
        last = 0
        while run["status"] in ("created", "running"):
            time.sleep(1)
            run = client.call("GET", f"automation/runs/{run['id']}/")
            if run["current_stage"] != last:
                last = run["current_stage"]
                print(f"{time.process_time():.0f} cpu", last, flush=True)
    print(report["created"], run["status"], run["reason"])
    for s in run["stages"]:
        print(s)
    print(f"wall {usage.wall:.1f} cpu {usage.cpu:.1f} {usage.memory()}")
    machine = ctx.deps.config.state_machine_arn.replace(":stateMachine:", ":execution:")
    attempts = Runs(ctx).get(run["id"]).attempt
    h = history(boto3.client("stepfunctions"), [f"{machine}:{ctx.tenant}-{run['id']}-{n}" for n in range(1, attempts + 1)])
    print(attempts, h, h.transitions / ARTICLES, h.dollars / ARTICLES)
    from infra.local import gateway

    print(sorted(gateway.calls().items(), key=lambda x: -x[1])[:25])


if __name__ == "__main__":
    sys.exit(main())

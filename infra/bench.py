"""`make bench`: the performance table of docs/performance.md, measured now on this machine."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from infra import bench_clustering
from infra.local.session import quiet

ROOT = Path(__file__).resolve().parents[1]
_IMPORT = "import time; t = time.process_time(); import app; print(time.process_time() - t)"


@contextmanager
def _timed(into: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    into[name] = time.perf_counter() - started


def _median_ms(act: Callable[[int], Any], times: int = 200) -> float:
    taken = []
    for n in range(times):
        started = time.perf_counter()
        act(n)
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def main() -> int:
    quiet()
    rows: list[tuple[str, str]] = []
    cold = [
        float(subprocess.run([sys.executable, "-c", _IMPORT], cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    ]
    rows.append(("import app, CPU, fresh process (median of 5)", f"{statistics.median(cold) * 1000:.0f} ms"))
    rows += _pure()
    rows += _stack()
    table = Table(title="Performance, measured now")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    return 0


def _pure() -> list[tuple[str, str]]:
    """Parts that need no stack."""
    from chalicelib.planner.keyword_files import read_keyword_file

    lines = [f"keyword number {n} for bench,{n},{n % 100},commercial" for n in range(5000)]
    data = ("keyword,volume,difficulty,intent\n" + "\n".join(lines)).encode()
    seconds: dict[str, float] = {}
    with _timed(seconds, "read a CSV of 5,000 rows"):
        read_keyword_file(data)
    return [*((name, f"{took:.2f} s") for name, took in seconds.items()), *bench_clustering.rows()]


def _stack() -> list[tuple[str, str]]:
    """The whole product on simulated AWS, in this process."""
    from chalicelib import deps
    from infra.build import template
    from infra.local.stack import LocalStack

    seconds: dict[str, float] = {}
    with _timed(seconds, "render the template"):
        rendered = template("local")
    stack = LocalStack(rendered, environment={"THROTTLE": "off", "AI_PROVIDER": "offline"})
    with _timed(seconds, "start the embedded stack"):
        stack.start()
    try:
        deps.use(None)
        rows = _api_and_pipeline(stack, seconds)
    finally:
        stack.stop()
        deps.use(None)
    return [*((name, f"{took:.2f} s") for name, took in seconds.items()), *rows]


def _api_and_pipeline(stack: Any, seconds: dict[str, float]) -> list[tuple[str, str]]:
    import app
    from chalicelib import deps
    from chalicelib.automation import control
    from chalicelib.automation.runs import Runs
    from chalicelib.automation.schedule import save_config
    from chalicelib.planner.keyword_files import read_keyword_file
    from chalicelib.planner.keyword_import import store
    from infra.local.api_server import Gateway
    from infra.local.seed import EMAILS, demo_context, password, seed

    seed(deps.current())
    ctx, site, sector = demo_context(deps.current())
    with _timed(seconds, "import the 131 keywords"):
        store(ctx, site, sector, read_keyword_file((ROOT / "examples" / "keywords.csv").read_bytes()), dry_run=False)
    gateway = Gateway(app.app)
    body = f'{{"email": "{EMAILS[0]}", "password": "{password()}"}}'.encode()
    import json

    token = json.loads(gateway.call("POST", "/api/v1/auth/login/", {"content-type": "application/json"}, body)[2])["data"]["access"]
    headers = {"authorization": f"Bearer {token}", "host": "127.0.0.1"}

    def get(path: str) -> float:
        return _median_ms(lambda n: gateway.call("GET", path, headers, b""), 100)

    rows = [
        (
            "GET 50 keywords by volume, through the dispatcher",
            f"{get(f'/api/v1/planner/keywords/?sector_id={sector}&ordering=-volume&page_size=50'):.1f} ms",
        ),
        (
            "GET 25 keywords filtered and searched",
            f"{get(f'/api/v1/planner/keywords/?sector_id={sector}&status=new&search=coffee'):.1f} ms",
        ),
        ("GET billing/balance", f"{get('/api/v1/billing/balance/'):.1f} ms"),
    ]
    save_config(ctx, site, {"publish_mode": "auto", "between_stage_delay_seconds": 0})
    stack.serve_events()
    started = time.perf_counter()
    run = control.start(ctx, site)
    while Runs(ctx).get(run.id).status in ("created", "running"):
        time.sleep(0.1)
    shown = Runs(ctx).shown(Runs(ctx).get(run.id))
    articles = shown["stages"][6]["done"]
    took = time.perf_counter() - started
    rows.append((f"pipeline: 131 keywords to {articles} published articles ({shown['status']})", f"{took:.1f} s"))
    rows.append(("per article", f"{took / max(1, articles):.2f} s"))
    return rows


if __name__ == "__main__":
    sys.exit(main())

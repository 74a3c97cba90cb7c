"""`make demo`: a keyword file becomes published articles, through the API, with a progress bar for each of the seven stages."""

import os
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from infra.local import live
from infra.local.seed import EMAILS, password
from infra.local.session import ROOT, Session, Trouble, wanted_port

SITE_FOLDER = Path(os.environ.get("DEMO_SITE") or ROOT / "build" / "demo-site")
RUN_SECONDS_MAX = 3600
FAILURES_SHOWN = 5
console = Console(highlight=False)


class Client:
    """The API as a customer's program uses it."""

    def __init__(self, url: str) -> None:
        self._base, self._http = f"{url}/api/v1/", requests.Session()
        self._http.trust_env = False  # no proxy between us and ourselves
        token = self.call("POST", "auth/login/", json={"email": EMAILS[0], "password": password()})["access"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The answer's data. Raises: Trouble with the API's own words."""
        answer = self._http.request(method, self._base + path, timeout=120, **options)
        body = answer.json()
        if not body.get("success"):
            error = body["error"]
            fields = "".join(f"\n  {name}: {'; '.join(texts)}" for name, texts in error.get("fields", {}).items())
            raise Trouble(f"{error['message']} ({error['code']}){fields}")
        return body.get("data", body)

    def rows(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """All rows of a list, page by page."""
        found: list[dict[str, Any]] = []
        page = self.call("GET", path, params={"page_size": 100, **params})
        while True:
            found += page["results"]
            if not page["next"]:
                return found
            page = self.call("GET", page["next"].removeprefix(self._base))


def main() -> int:
    started = time.monotonic()
    try:
        csv, wanted = _keyword_file(), live.wanted()
        with Session(fresh=True, port=_port(), settings=wanted.settings) as session:
            return _show(Client(session.server.url), session, csv, wanted, started)
    except Trouble as trouble:
        console.print(str(trouble), style="bold red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped. What was made so far is in .local/ (make serve shows it).")
        return 130


def _port() -> int:
    """The port asked for, else any free one: the demo needs none in particular."""
    return wanted_port() if os.environ.get("PORT") else 0


def _keyword_file() -> Path:
    path = Path(os.environ.get("CSV") or ROOT / "examples" / "keywords.csv").expanduser()
    if not path.is_file():
        raise Trouble(f"There is no file {path}. Give a keyword file: make demo CSV=path/to/keywords.csv")
    return path


def _show(client: Client, session: Session, csv: Path, wanted: live.Live, started: float) -> int:
    site = client.rows("auth/sites/")[0]
    sector = client.rows("auth/sectors/", site_id=site["id"])[0]
    where = {"site_id": site["id"], "sector_id": sector["id"]}
    wanted.connect(client.call, site["id"])
    report = _import(client, csv, where)
    client.call("PUT", "automation/config/", params={"site_id": site["id"]}, json=wanted.config())
    estimate = client.call("GET", "automation/estimate/", params={"site_id": site["id"]})
    what = "All keywords would come to" if wanted.articles else "The run is estimated at"
    console.print(f"{what} {estimate['total']} of {estimate['balance']} credits.")
    wanted.announce(console.print, estimate)
    run = _run(client, site["id"])
    seconds = time.monotonic() - started
    articles = client.rows("writer/content/", site_id=site["id"])
    _summary(client, run, report, articles)
    wanted.account_for(console.print, client.call)
    _failures(client, run)
    if run["status"] != "completed":
        raise Trouble(f"The run is {run['status']}: {run['reason']}")
    if not articles:
        reasons = [s["skip_reason"] for s in run["stages"] if s["skip_reason"]]
        raise Trouble(f"No article came of these keywords. {reasons[0] if reasons else ''}")
    _published(session.data / "static" / site["id"], articles, wanted)
    console.print(f"Done in {seconds:.0f} s. The data stays in .local/: [bold]make serve[/] shows it in the API.")
    if wanted.next_steps:
        console.print(wanted.next_steps)
    return 0


def _import(client: Client, csv: Path, where: dict[str, str]) -> dict[str, Any]:
    try:
        report: dict[str, Any] = client.call(
            "POST",
            "planner/keywords/import_keywords/",
            params=where,
            files={"file": (csv.name, csv.read_bytes(), "application/octet-stream")},
        )
    except Trouble as trouble:
        raise Trouble(f"{csv.name} was not imported: {trouble}") from None
    counts = f"{report['created']} keywords, {report['duplicates']} duplicates, {report['rejected']} rejected"
    console.print(f"[bold]{csv.name}[/]: {counts} ({report['tool']})")
    for row in [r for r in report["rows"] if r["outcome"] == "rejected"][:5]:
        console.print(f"  row {row['row']}: {row['reason']}")
    return report


def _run(client: Client, site_id: str) -> dict[str, Any]:
    """Start the run and draw its stages until it ends."""
    run: dict[str, Any] = client.call("POST", "automation/run_now/", json={"site_id": site_id})
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    deadline = time.monotonic() + RUN_SECONDS_MAX
    with Progress(*columns, console=console) as bars:
        tasks = {s["number"]: bars.add_task(f"{s['number']} {s['name']}", total=None, start=False, note="") for s in run["stages"]}
        while True:
            for stage in run["stages"]:
                _draw(bars, tasks[stage["number"]], stage)
            if run["status"] not in ("created", "running"):
                return run
            if time.monotonic() > deadline:
                raise Trouble("The run takes longer than an hour; `make serve` and its log show where it stands.")
            time.sleep(0.4)
            run = client.call("GET", f"automation/runs/{run['id']}/")


def _draw(bars: Progress, task: Any, stage: dict[str, Any]) -> None:
    if stage["state"] == "pending":
        return
    bars.start_task(task)
    finished = stage["done"] + stage["failed"] + stage["skipped"]
    note = (
        f"{stage['failed']} failed"
        if stage["failed"]
        else stage["skip_reason"] or (f"{stage['credits']} credits" if stage["credits"] else "")
    )
    bars.update(task, total=max(stage["items_in"], finished), completed=finished, note=note)
    if stage["state"] in ("completed", "skipped"):
        bars.stop_task(task)


def _summary(client: Client, run: dict[str, Any], report: dict[str, Any], articles: list[dict[str, Any]]) -> None:
    table = Table(title="What became of the keywords")
    for name in ("Stage", "In", "Done", "Failed", "Credits", "Seconds"):
        table.add_column(name, justify="left" if name == "Stage" else "right")
    for s in run["stages"]:
        table.add_row(f"{s['number']} {s['name']}", *(str(s[k]) for k in ("items_in", "done", "failed", "credits", "seconds")))
    balance = client.call("GET", "billing/balance/")
    console.print(table)
    clusters = len(client.rows("planner/clusters/", site_id=run["site_id"]))
    console.print(
        f"{report['created']} keywords, {clusters} clusters, {len(articles)} articles; "
        f"{run['credits']} credits charged, {balance['available']} left."
    )
    for article in articles[:3]:
        console.print(f"  {article['title']} ({article['word_count']} words, score {article['score']})")


def _failures(client: Client, run: dict[str, Any]) -> None:
    """What could not be done, each reason once."""
    failures = client.call("GET", f"automation/runs/{run['id']}/failures/")
    for (number, reason), times in Counter((f["stage"], f["detail"]) for f in failures).most_common(FAILURES_SHOWN):
        console.print(f"  stage {number}, {times} failed: {reason}", markup=False)


def _published(source: Path, articles: list[dict[str, Any]], wanted: live.Live) -> None:
    """Say where the articles can be read; the static ones are copied to the demo's folder first."""
    if wanted.wordpress:
        console.print(f"Drafts on {wanted.wordpress['url']} (log in there to read them):", markup=False)
        for article in articles:
            note = f" ({article['sync_reason']})" if article["sync_reason"] else ""
            console.print(f"  {article['external_url'] or article['title']}{note}", markup=False)
        return
    shutil.rmtree(SITE_FOLDER, ignore_errors=True)
    shutil.copytree(source, SITE_FOLDER)
    console.print(f"Read the articles: [bold]{os.path.relpath(SITE_FOLDER)}/index.html[/] (file://{SITE_FOLDER}/index.html)")


if __name__ == "__main__":
    sys.exit(main())

"""The main job with everything real but AWS: the seeded stack, the offline models, the static site, queues worked on threads."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from chalicelib import deps as wiring
from chalicelib.automation import control
from chalicelib.automation.runs import Runs
from chalicelib.automation.schedule import save_config
from chalicelib.billing.audit import audit_account
from chalicelib.core.context import Deps
from chalicelib.core.entry import MAX_RECEIVES
from chalicelib.planner.keyword_files import read_keyword_file
from chalicelib.planner.keyword_import import store
from infra.build import template
from infra.local.seed import demo_context, seed
from infra.local.stack import LocalStack

EXAMPLE = Path(__file__).parents[2] / "examples" / "keywords.csv"
LIMIT_SECONDS = 90


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    return template("local")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local")


@pytest.fixture(scope="module")
def deps(folder: Path, declared: dict[str, Any]) -> Iterator[Deps]:
    with LocalStack(declared, data_dir=folder) as stack:
        wiring.use(None)
        deps = wiring.current()
        seed(deps)
        stack.serve_events()
        yield deps
    wiring.use(None)


def test_a_keyword_file_becomes_published_articles(deps: Deps, folder: Path) -> None:
    ctx, site, sector = demo_context(deps)
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()[:13]
    file = read_keyword_file("\n".join(lines).encode(), filename="keywords.csv")
    assert store(ctx, site, sector, file, dry_run=False)["created"] == 12
    save_config(ctx, site, {"publish_mode": "auto", "between_stage_delay_seconds": 0})
    run, runs, deadline = control.start(ctx, site), Runs(ctx), time.monotonic() + LIMIT_SECONDS
    while (shown := runs.shown(runs.get(run.id)))["status"] in ("created", "running"):
        assert time.monotonic() < deadline, shown
        time.sleep(0.05)
    assert (shown["status"], shown["reason"], shown["waiting_for_review"]) == ("completed", None, 0), runs.logs(run.id)
    articles = shown["stages"][6]["done"]
    assert articles > 1
    assert audit_account(deps.table, ctx.tenant, at_rest=True) == []

    root = folder / "static" / site
    pages = sorted(root.rglob("*.html"))
    assert len(pages) == articles + 1 and (root / "index.html") in pages
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "lorem ipsum" not in text.lower()
        for link in re.findall(r'(?:href|src)="([^"#?]+)', text):
            if not re.match(r"[a-z]+:|//", link):
                there = (root if link.startswith("/") else page.parent) / unquote(link.lstrip("/"))
                assert there.exists(), f"{page.relative_to(root)} links to {link}"
        if page != root / "index.html":
            assert "<img" in text and "application/ld+json" in text


def test_the_queues_deliver_as_often_as_the_workers_think(declared: dict[str, Any]) -> None:
    assert declared["Parameters"]["MaxReceiveCount"]["Default"] == MAX_RECEIVES
    for name in ("Ai", "Images", "Publish"):
        assert declared["Resources"][f"{name}Queue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] == {"Ref": "MaxReceiveCount"}

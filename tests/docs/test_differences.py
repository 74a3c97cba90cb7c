"""Every difference that docs/differences.md lists names a test or a route that is really there."""

import re
from pathlib import Path

import app as product
from chalicelib.core.openapi import document_path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")


def test_each_row_is_shown_by_something() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith(("| Topic", "| ---"))]
    assert len(rows) > 30
    for row in rows:
        shown = row.strip("|").split("|")[-1]
        assert len(row.split(" | ")) == 4 and re.search(r"`(tests/|[A-Z]+ )", shown), row


def test_the_tests_exist() -> None:
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT):
        assert re.search(rf"^\s*def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.M), f"{path} has no {name}"


def test_the_routes_exist() -> None:
    served = {f"{route.method} {document_path(route).removeprefix('/api/v1/')}" for route in product.routes}
    named = set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) [\w/{}-]+)`", TEXT))
    assert named and named <= served, named - served

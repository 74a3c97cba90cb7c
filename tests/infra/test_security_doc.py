"""SECURITY.md promises what is there: each file, each test, and a test for each row."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", TEXT)))
FILES = sorted({f for f in re.findall(r"`((?:chalicelib|infra|tests|docs)/[\w/.-]+\.\w+)`", TEXT)})


@cache
def collected(path: str) -> frozenset[str]:
    """Names of a file's tests as pytest collects them: functions of the module and methods of its Test classes."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name.startswith("Test")]
    places = [tree.body, *[c.body for c in classes]]
    return frozenset(n.name for body in places for n in body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_"))


@pytest.mark.parametrize("node", TESTS)
def test_the_test_is_there(node: str) -> None:
    path, _, name = node.partition("::")
    assert name in collected(path)


@pytest.mark.parametrize("path", FILES)
def test_the_file_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


def test_each_row_names_a_test_and_each_of_the_ten_has_rows() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and "`tests/" in line]
    tables = TEXT.partition("## OWASP")[2].partition("## Not defended")[0]
    assert rows == [line for line in tables.splitlines() if line.startswith("| ") and not line.startswith(("| Threat |", "| --- |"))]
    assert len(TESTS) > 60
    assert {f"API{n}" for n in range(1, 11)} == {row.split(" ")[1] for row in rows if row.startswith("| API")}


def test_what_is_not_defended_is_said() -> None:
    assert len(re.findall(r"^- \*\*", TEXT.partition("## Not defended")[2], re.M)) >= 8

"""What the documents name exists: commands, files, links, routes and settings."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from app import routes
from chalicelib.core.config import Config

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
PATHS = {re.sub(r"\{\w+\}", "{}", route.path) for route in routes}
SETTINGS = {field.name.upper() for field in fields(Config)}
FEATURES = "auth|planner|writer|billing|system|integration|automation"
FOLDERS = r"(?:chalicelib|infra|tests|docs|examples)/[\w./-]+"


@pytest.fixture(params=DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def document(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_commands_and_files(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = re.findall(r"(?:^|`)(?:[A-Z_]+=\S+ )*make ([a-z][a-z-]*)", text, re.M)
    assert set(named) <= TARGETS
    files = [name.partition("::")[0] for name in re.findall(rf"`({FOLDERS}(?:::\w+)?)`", text)]
    made = set(re.findall(r"<!-- example: (?:mounted in )?(\S+) -->", text))  # by the example itself
    assert [name for name in files if name not in made and not (ROOT / name).exists()] == []
    links = re.findall(r"\]\(([^)#\s]+)", text)
    assert [link for link in links if not link.startswith("http") and not (document.parent / link).exists()] == []


def test_routes(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = re.findall(rf"`(?:GET|POST|PUT|PATCH|DELETE) ((?:{FEATURES})/[\w{{}}/.-]+)", text)
    assert [path for path in named if re.sub(r"\{\w+\}", "{}", path).rstrip("/") not in PATHS] == []


def test_every_setting_of_the_providers_is_one() -> None:
    text = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:OPENAI|RUNWARE|IMAGE|AI|EMBEDDING|PREMIUM|PROVIDER)_[A-Z_]+)[`=\[]", text))
    assert named and named <= SETTINGS

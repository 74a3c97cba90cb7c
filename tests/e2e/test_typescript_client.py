"""The frontend's client: types made from the committed document, the example type-checked against them and run against the stack."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.npm_tools import npm_tools
from tests.e2e.served import ROOT, Served

EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture(scope="module")
def programs() -> Path:
    """Where npm's programs are; without npm the tests are skipped, but never in CI."""
    found = npm_tools(required=bool(os.environ.get("CI")))
    if found is None:
        pytest.skip("npm's tools cannot be installed here")
    return found


def _run(*command: str | Path, cwd: Path, **env: str) -> str:
    ran = subprocess.run([str(c) for c in command], cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.timeout(400)
def test_generated_client_compiles_and_works(programs: Path, tmp_path: Path) -> None:
    project = tmp_path / "client"
    project.mkdir()
    for name in ("client.ts", "tsconfig.json"):
        shutil.copy2(EXAMPLES / name, project / name)
    (project / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (project / "node_modules").symlink_to(programs.parent)
    generate = [programs / "openapi-typescript", ROOT / "docs" / "openapi.json", "--default-non-nullable=false", "-o", "api.ts"]
    _run(*generate, cwd=project)
    _run(programs / "tsc", "-p", ".", cwd=project)
    server = Served(tmp_path / "data").start()
    try:
        said = _run("node", "out/client.js", cwd=project, API=server.api.removesuffix("/api/v1"))
    finally:
        server.stop()
    assert said.startswith("ok: ") and "wait for review" in said


def test_page_for_frontends_names_the_versions_that_are_tested() -> None:
    page = (ROOT / "docs" / "frontend.md").read_text(encoding="utf-8")
    pinned = json.loads((ROOT / "infra" / "tools" / "package.json").read_text(encoding="utf-8"))["dependencies"]
    for name in ("openapi-fetch", "openapi-typescript", "typescript"):
        assert f" {name}@{pinned[name]}" in page

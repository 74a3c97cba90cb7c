"""The commands as an operator starts them: what they say, and the exit status that a script goes by."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.tenant_scene import ROOT


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def command(data: Path, module: str, *arguments: str) -> tuple[int, str, str]:
    environment = {**os.environ, "LOCAL_DATA": str(data), "PYTHONWARNINGS": "ignore"}
    environment.pop("RECORD_CALLS", None)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_out_gone_and_back(data: Path, tmp_path: Path) -> None:
    folder = str(tmp_path / "export")
    status, out, _ = command(data, "infra.tenant", "export", "--stage", "local", "--account", "demo", "--to", folder)
    assert status == 0 and "users 3" in out
    status, _, error = command(data, "infra.tenant", "forget", "--stage", "local", "--account", "demo", "--confirm", "demo")
    assert status == 1 and "'Demo', word for word" in error
    status, out, _ = command(data, "infra.tenant", "forget", "--stage", "local", "--account", "owner@demo.test", "--confirm", "Demo")
    assert status == 0 and "3 sign-ins" in out
    status, out, _ = command(data, "infra.tenant", "import", "--stage", "local", "--from", folder)
    assert status == 0 and "Its ledger adds up" in out


def test_reindex_of_what_is_in_order(data: Path) -> None:
    status, out, _ = command(data, "infra.reindex", "--stage", "local", "--rate", "1000")
    assert status == 0 and "0 changed" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("infra.tenant", "export", "--stage", "local"),
        ("infra.tenant", "forget", "--stage", "local", "--account", "demo"),
        ("infra.reindex", "--stage", "local", "--rate", "0"),
        ("infra.rotate", "--stage", "local", "--what", "everything"),
    ],
)
def test_a_wrong_call(data: Path, arguments: tuple[str, ...]) -> None:
    assert command(data, *arguments)[0] == 2

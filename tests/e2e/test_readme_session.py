"""The README's session with the API, run line by line against `make serve`'s program."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.served import ROOT, Served


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    server = Served(tmp_path / "data").start()
    yield server
    if server.process.poll() is None:
        server.stop()


def _session() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- session:.*?-->\n```sh\n(.*?)```", text, re.S)
    assert found, "the README has no session"
    return found.group(1)


def _sh(script: str, api: str) -> str:
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, env={**os.environ, "API": api}, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="the session is written with curl")
@pytest.mark.timeout(240)
def test_session_reads_an_article_and_a_restart_loses_nothing(served: Served) -> None:
    said = _sh(_session(), served.api).splitlines()
    assert said[0] == "62"  # keywords created
    assert int(said[1]) > 100  # credits estimated
    assert "<h2" in "\n".join(said[2:])
    count = """
    TOKEN=$(curl -s -X POST $API/auth/login/ -H 'Content-Type: application/json' \
      -d '{"email": "owner@demo.test", "password": "Demo-pass-1!"}' |
      python3 -c "import json,sys; print(json.load(sys.stdin)['data']['access'])")
    for list in planner/keywords planner/clusters planner/ideas writer/tasks writer/content writer/images automation/runs billing/usage; do
      curl -s "$API/$list/" -H "Authorization: Bearer $TOKEN" |
        python3 -c "import json,sys; d=json.load(sys.stdin); print('$list', d['count'], d['results'][0]['id'])"
    done"""
    before = _sh(count, served.api)
    assert served.stop(signal.SIGKILL) != 0
    served.start()
    assert _sh(count, served.api) == before
    assert served.stop() == 0

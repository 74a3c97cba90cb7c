"""The README's session with the API, run line by line against `make serve`'s program."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """`python -m infra.local.serve` in a process of its own, with its own data folder."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self.environment = {**os.environ, "PORT": str(self.port), "LOCAL_DATA": str(folder)}
        self.process: subprocess.Popen[str]

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1"

    def start(self) -> "Served":
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.serve"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        watchdog = threading.Timer(60, self.process.kill)
        watchdog.start()
        assert self.process.stdout is not None
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if line.startswith("ready "):
                break
        watchdog.cancel()
        assert seen and seen[-1].strip() == f"ready http://127.0.0.1:{self.port}", "".join(seen)
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return self.process.returncode


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
    said = _sh(_session().replace("| head -c 600", "| cut -c1-2000"), served.api).splitlines()
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

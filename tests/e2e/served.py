"""`make serve`'s program in a process of its own, for tests that speak HTTP to it."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """`python -m infra.local.serve` with its own data folder."""

    def __init__(self, folder: Path) -> None:
        self.port, self.folder = _free_port(), folder
        self.environment = {**os.environ, "PORT": str(self.port), "LOCAL_DATA": str(folder)}
        self.process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return f"{self.url}/api/v1"

    def start(self) -> "Served":
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.serve"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        watchdog = threading.Timer(START_SECONDS, self.process.kill)
        watchdog.start()
        assert self.process.stdout is not None
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if line.startswith("ready "):
                break
        watchdog.cancel()
        assert seen and seen[-1].strip() == f"ready {self.url}", "".join(seen)
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Returns the exit status."""
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return self.process.returncode

"""`make test-parity`: the package of this machine's processor, deployed to a second engine and used there.

Starts ministack on a loopback port, creates the stack from the template and the zip that were packaged, seeds it, and runs the black-box
suite and `tests/parity` against it. Prints the parity table; exits 1 when a test failed. `infra/parity/swaps.py` says what is swapped.
"""

import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infra.bootstrap import settings
from infra.derive import ROOT
from infra.parity.deployment import STAGE, deploy
from infra.parity.engine import Engine
from infra.parity.swaps import AFTERWARDS, SWAPS
from tests.parity.table import rows, sound, table

OUT = ROOT / "build" / "parity"
LIMIT_SECONDS = float(os.environ.get("SECONDS_MAX", "900"))  # of everything: it takes under four minutes on two busy cores
GRACE_SECONDS = 60  # then it is ended from wherever it is
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}  # what Linux calls a processor -> what Lambda does
PATIENCE = {"DONE_SECONDS": "150"}  # of the black-box suite: each function starts as a process, beside the others
TOGETHER = ("tests/e2e/blackbox", "tests/parity/test_runs.py", "tests/parity/test_operations.py")
ALONE = "tests/parity/test_deaths.py"  # kills functions, which others would notice
LAST = "tests/parity/test_afterwards.py"


class Parity:
    """One run, which ends in time."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.reports: list[Path] = []
        self._running: list[subprocess.Popen[bytes]] = []

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        print(f"{self.seconds:5.0f} s  {text}", flush=True)

    def package(self) -> Path:
        """What `make package` builds, for this machine. Raises: subprocess.CalledProcessError."""
        made = OUT / "package"
        command = [sys.executable, "-m", "infra.build", "package", "--stage", STAGE, "--out", str(made)]
        subprocess.run([*command, "--arch", ARCHITECTURES[platform.machine()]], cwd=ROOT, check=True, timeout=LIMIT_SECONDS)
        return made

    def tests(self, *paths: str) -> None:
        """Run tests beside each other; their output goes to files, and to the terminal when something failed."""
        logs = []
        for path in paths:
            name = Path(path).stem
            report, log = OUT / f"{name}.xml", OUT / f"{name}.log"
            command = [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-n",
                "0",
                "--timeout",
                "300",
                "-p",
                "tests.parity.plugin",
                f"--junit-xml={report}",
                path,
            ]
            with log.open("wb") as file:
                self._running.append(subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT))
            self.reports.append(report)
            logs.append(log)
        try:
            for process in self._running:
                process.wait(max(1.0, LIMIT_SECONDS - self.seconds))
        except subprocess.TimeoutExpired:
            self.say(f"stopped: the limit is {LIMIT_SECONDS:.0f} seconds (SECONDS_MAX=)")
        finally:
            failed = [process.poll() != 0 for process in self._running]
            for process in self._running:
                process.kill()
                process.wait()
            self._running.clear()
        for log, wrong in zip(logs, failed, strict=True):
            told = log.read_text(encoding="utf-8", errors="replace")
            self.say(f"{log.stem}: {(told.strip().splitlines() or ['nothing'])[-1]}")
            if wrong:
                print(told[-8000:])


def main() -> int:
    """Returns the exit status."""
    if sys.platform != "linux" or platform.machine() not in ARCHITECTURES:
        print("The package runs on Linux alone, and so does make test-parity.", file=sys.stderr)
        return 1
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    for ended in (signal.SIGALRM, signal.SIGTERM):  # whatever ends this, the engine ends with it
        signal.signal(ended, _ended)
    signal.alarm(round(LIMIT_SECONDS) + GRACE_SECONDS)
    parity = Parity()
    package = parity.package()
    for name in [name for name in os.environ if name.startswith(("AWS_", "LOCAL_"))]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="igny8-parity-") as scratch, Engine(Path(scratch, "engine")) as engine:
        parity.say(f"ministack at {engine.url}")
        try:
            os.environ.update(engine.environment)
            outputs = deploy(package, Path(scratch, "deployed"), engine.url)
            parity.say(f"deployed: {outputs['ApiUrl']}")
            os.environ.update(settings(outputs, STAGE))
            _seed()
            os.environ.update(PATIENCE, TEST_PARITY="1", BASE_URL=outputs["ApiUrl"], MAILS_URL=f"{engine.url}/_ministack/ses/messages")
            os.environ["PARITY_ENGINE"] = str(engine.process.pid)
            parity.tests(*TOGETHER)
            parity.tests(ALONE)
            parity.tests(LAST)
        finally:
            shutil.copyfile(engine.log, OUT / "engine.log")
    found = rows(parity.reports)
    print("\nNot deployed as it is packaged:")
    for swap in SWAPS:
        print(f"  {swap.what}: {swap.why}")
    print(f"  {AFTERWARDS}\n\n{table(found)}")
    parity.say("done")
    return 0 if sound(found) else 1


def _ended(number: int, frame: object) -> None:
    sys.exit(f"ended by {signal.Signals(number).name}")


def _seed() -> None:
    from chalicelib import deps
    from infra.local.seed import seed

    assert seed(deps.current())


if __name__ == "__main__":
    sys.exit(main())

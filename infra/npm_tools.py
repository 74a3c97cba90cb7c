"""npm packages that only check what we make (infra/tools): installed as locked into build/tools, when they are first asked for."""

import fcntl
import shutil
import subprocess
from pathlib import Path

from infra.derive import INFRA, ROOT, BuildError

LOCKED = INFRA / "tools"
INSTALLED = ROOT / "build" / "tools"
_FILES = ("package.json", "package-lock.json")


def npm_tools(*, required: bool) -> Path | None:
    """The folder of the installed programs. None, with the reason printed, when they cannot be had.

    Raises: BuildError when they are required.
    """
    if shutil.which("npm") is None:
        _missing("npm is missing", required)
        return None
    programs = INSTALLED / "node_modules" / ".bin"
    INSTALLED.parent.mkdir(exist_ok=True)
    with (INSTALLED.parent / "tools.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _current():
            return programs
        shutil.rmtree(INSTALLED, ignore_errors=True)
        INSTALLED.mkdir(parents=True)
        for name in _FILES:
            shutil.copy2(LOCKED / name, INSTALLED / name)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        installed = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, check=False)
        if installed.returncode:
            _missing(f"npm ci failed:\n{installed.stderr}", required)
            return None
        (INSTALLED / ".complete").touch()
    return programs


def _current() -> bool:
    return (INSTALLED / ".complete").exists() and all((INSTALLED / n).read_bytes() == (LOCKED / n).read_bytes() for n in _FILES)


def _missing(why: str, required: bool) -> None:
    if required:
        raise BuildError(f"{why}; in CI the checks of infra/tools are made too")
    print(f"{why}: what infra/tools checks is skipped")

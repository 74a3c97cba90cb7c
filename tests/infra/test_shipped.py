"""A finished zip is looked at: what is foreign to its Lambda, what lacks and what has no business there is named, and a good one passes."""

import platform
import struct
import sys
import zipfile
from pathlib import Path

import pydantic_core._pydantic_core
import pytest

from infra import elf, wheels
from infra.build import target
from infra.derive import BuildError
from infra.shipped import findings
from infra.target import PYTHONS, Target

ARM = Target.named("3.13", "arm64")
INTEL = Target.named("3.11", "x86_64")
PINNED = 'thing==1.0\nother==2.0; python_version >= "3.14"  # not for us\n'


def library(machine: int, *needed: str) -> bytes:
    """The headers of a shared library: one loaded segment over all of it, and the libraries it needs."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in needed)
    offsets = [strings.index(name.encode()) for name in needed]
    dynamic_at, strings_at = 64 + 2 * 56, 64 + 2 * 56 + 16 * (len(needed) + 2)
    dynamic = b"".join(struct.pack("<qQ", tag, value) for tag, value in [*((1, offset) for offset in offsets), (5, strings_at), (0, 0)])
    size = strings_at + len(strings)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    segments = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, size, size, 1)
    segments += struct.pack("<IIQQQQQQ", 2, 4, dynamic_at, dynamic_at, 0, len(dynamic), len(dynamic), 8)
    return header + segments + dynamic + strings


INTEL_CODE, ARM_CODE = 0x3E, 0xB7
GOOD: dict[str, bytes] = {
    "app.py": b"",
    "__pycache__/app.cpython-313.pyc": b"",
    "thing/__init__.pyc": b"",
    "thing/fast.cpython-313-aarch64-linux-gnu.so": library(ARM_CODE, "libc.so.6", "libown-1a.so.2"),
    "thing/stable.abi3.so": library(ARM_CODE, "ld-linux-aarch64.so.1"),
    "thing.libs/libown-1a.so.2": library(ARM_CODE, "libm.so.6"),
    "thing-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: cp313-cp313-manylinux_2_28_aarch64\n",
}


def found(tmp_path: Path, changed: dict[str, bytes], *gone: str) -> list[str]:
    zipped = tmp_path / "made.zip"
    with zipfile.ZipFile(zipped, "w") as packed:
        for name, data in {**GOOD, **changed}.items():
            if name not in gone:
                packed.writestr(name, data)
    return findings(zipped, ARM, PINNED)


def test_a_good_one(tmp_path: Path) -> None:
    assert found(tmp_path, {}) == []


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("thing/fast.cpython-313-aarch64-linux-gnu.so", library(INTEL_CODE, "libown-1a.so.2"), "for x86_64, not arm64"),
        ("thing/old.cpython-311-aarch64-linux-gnu.so", library(ARM_CODE), "for Python 311, not 313"),
        ("thing/empty.abi3.so", b"", "no 64-bit ELF library"),
        ("thing/mac.abi3.so", b"\xcf\xfa\xed\xfe" + bytes(80), "no 64-bit ELF library"),
        ("thing/more.abi3.so", library(ARM_CODE, "libjpeg.so.62"), "needs libjpeg.so.62, which is neither in the zip nor in Lambda"),
        ("thing.libs/libidle.so.1", library(ARM_CODE), "thing.libs/libidle.so.1: no library needs it"),
        ("thing-1.0.dist-info/WHEEL", b"Tag: cp313-cp313-linux_aarch64\n", "which Python 313 on Lambda's arm64 cannot use"),
        ("thing-1.0.dist-info/WHEEL", b"Tag: cp313-cp313-manylinux_2_39_aarch64\n", "cannot use"),
        ("stray-3.dist-info/WHEEL", b"Tag: py3-none-any\n", "stray: in the zip, but not in requirements.txt"),
        ("boto3/__init__.pyc", b"", "boto3 does not belong into the zip"),
        ("infra/x.pyc", b"", "infra does not belong into the zip"),
        ("onnxruntime-1.0.dist-info/METADATA", b"", "onnxruntime does not belong into the zip"),
        ("chalicelib/.env", b"", "chalicelib/.env: nothing needs it"),
        ("thing/tests/x.pyc", b"", "nothing needs it"),
        ("thing/x.pyi", b"", "nothing needs it"),
        ("chalicelib/x.py", b"", "no bytecode for Python 313"),
        ("__pycache__/x.cpython-311.pyc", b"", "bytecode of another Python than 313"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    (line,) = found(tmp_path, {name: data})
    assert said in line


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    assert found(tmp_path, {}, "thing-1.0.dist-info/WHEEL") == ["thing: nothing is in the zip, requirements.txt says 1.0"]
    assert found(tmp_path, {}, "thing.libs/libown-1a.so.2") == [
        "thing/fast.cpython-313-aarch64-linux-gnu.so: needs libown-1a.so.2, which is neither in the zip nor in Lambda"
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="reads a library of this machine")
def test_a_real_library_is_read() -> None:
    read = elf.read(Path(str(pydantic_core._pydantic_core.__file__)).read_bytes())
    assert read.machine == {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    assert "libc.so.6" in read.needed


class TestTarget:
    @pytest.mark.parametrize(
        ("tag", "taken"),
        [
            ("py3-none-any", True),
            ("py2.py3-none-any", True),
            ("cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", True),
            ("cp39-abi3-manylinux_2_26_x86_64", True),
            ("cp311-cp311-manylinux_2_27_x86_64", False),  # Lambda's python3.11 has glibc 2.26
            ("cp311-cp311-manylinux_2_17_aarch64", False),
            ("cp312-cp312-manylinux_2_17_x86_64", False),
            ("cp312-abi3-manylinux_2_17_x86_64", False),
            ("cp311-cp311-linux_x86_64", False),  # built on somebody's machine, against what only that has
            ("cp311-cp311-musllinux_1_2_x86_64", False),
            ("cp311-cp311-macosx_11_0_x86_64", False),
        ],
    )
    def test_which_wheels_it_takes(self, tag: str, taken: bool) -> None:
        assert INTEL.takes(tag) is taken

    def test_what_pip_is_asked_for_is_what_it_takes(self) -> None:
        for one in (INTEL, ARM):
            assert all(one.takes(f"cp{one.tag}-cp{one.tag}-{platform}") for platform in one.platforms())
        assert ("manylinux_2_34_aarch64" in ARM.platforms(), "manylinux_2_27_x86_64" in INTEL.platforms()) == (True, False)

    def test_pins_are_those_that_hold_there(self) -> None:
        requirements = wheels.REQUIREMENTS.read_text(encoding="utf-8")
        assert INTEL.pins(requirements)["pillow"] != ARM.pins(requirements)["pillow"]
        assert set(INTEL.pins(requirements)) == set(ARM.pins(requirements))
        assert "pyjwt" in ARM.pins(requirements)  # without the extra's brackets

    @pytest.mark.parametrize("line", ["thing>=1.0", "thing", "thing==1.0; sys_platform == 'linux'"])
    def test_anything_but_a_pin_is_refused(self, line: str) -> None:
        with pytest.raises(ValueError, match=r"requirements\.txt"):
            ARM.pins(line)

    @pytest.mark.parametrize(("python", "architecture"), [("3.10", ""), ("2.7", "arm64"), ("3.12", "riscv64")])
    def test_what_lambda_does_not_run_is_refused(self, python: str, architecture: str) -> None:
        with pytest.raises(BuildError, match="nothing is packaged for"):
            target("dev", python, architecture)

    def test_by_default_this_python_and_the_configured_processor(self) -> None:
        assert target("dev") == Target(sys.version_info[:2], "x86_64") or f"{sys.version_info[0]}.{sys.version_info[1]}" not in PYTHONS


class TestWheels:
    @pytest.mark.parametrize(
        "name",
        ["numpy/f2py/x.py", "numpy/linalg/tests/y.py", "PIL/_avif.cpython-311-x86_64-linux-gnu.so", "boto3/a.py", "bin/openai", "x/y.pyi"],
    )
    def test_what_stays_out(self, name: str) -> None:
        assert wheels.is_useless(name)

    @pytest.mark.parametrize("name", ["numpy/random/_generator.so", "PIL/_webp.so", "PIL/AvifImagePlugin.py", "x-1.dist-info/METADATA"])
    def test_what_ships(self, name: str) -> None:
        assert not wheels.is_useless(name)

    def test_bytecode_takes_the_place_of_sources_or_stands_beside(self, tmp_path: Path) -> None:
        here = Target(sys.version_info[:2], "x86_64")
        for folder in ("beside", "instead"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "a.py").write_text("X = {'b', 'a'}\n")
        (tmp_path / "instead" / "template.py").write_text("{% no python %}\n")
        wheels.compiled(tmp_path / "beside", here, beside=True)
        wheels.compiled(tmp_path / "instead", here, beside=False)
        assert [p.name for p in wheels.files(tmp_path / "beside")] == [f"a.cpython-{here.tag}.pyc", "a.py"]
        assert [p.name for p in wheels.files(tmp_path / "instead")] == ["a.pyc", "template.py"]
        flags = int.from_bytes((tmp_path / "instead" / "a.pyc").read_bytes()[4:8], "little")
        assert flags == 0b01  # PEP 552: by hash, and not checked against the source

    def test_our_own_code_must_compile(self, tmp_path: Path) -> None:
        (tmp_path / "a.py").write_text("def\n")
        with pytest.raises(BuildError, match=r"a\.py"):
            wheels.compiled(tmp_path, Target(sys.version_info[:2], "x86_64"), beside=True)

    def test_a_python_that_is_not_here_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        other = next(t for t in (INTEL, ARM) if t.python != sys.version_info[:2])
        with pytest.raises(BuildError, match=f"there is no python{other.version} here"):
            wheels.interpreter(other)

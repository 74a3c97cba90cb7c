"""What a compiled library says about itself in its ELF headers: for which machine it is, and which other libraries it needs.

No linker is asked, since the library may be for another processor than this one.
Source: System V ABI, "Object Files" and "Dynamic Linking"; https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html
"""

import struct
from dataclasses import dataclass

MACHINES = {0x3E: "x86_64", 0xB7: "arm64"}  # e_machine -> Lambda's name
_LOAD, _DYNAMIC = 1, 2  # p_type
_NEEDED, _STRINGS = 1, 5  # d_tag: DT_NEEDED, DT_STRTAB
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_ENTRY = struct.Struct("<qQ")


@dataclass(frozen=True)
class Library:
    """machine: Lambda's name of the processor, or "another machine"; needed: file names of libraries that are loaded with it."""

    machine: str
    needed: tuple[str, ...]


def read(data: bytes) -> Library:
    """Raises: ValueError when it is no 64-bit little-endian ELF file."""
    if data[:6] != b"\x7fELF\x02\x01" or len(data) < _HEADER.size:
        raise ValueError("no 64-bit ELF library")
    _, _, machine, _, _, at, _, _, _, size, count, *_ = _HEADER.unpack_from(data)
    segments = [_SEGMENT.unpack_from(data, at + index * size) for index in range(count)]
    loaded = [(address, offset, length) for kind, _, offset, address, _, length, *_ in segments if kind == _LOAD]
    entries = [entry for kind, _, offset, _, _, length, *_ in segments if kind == _DYNAMIC for entry in _entries(data, offset, length)]
    strings = next((_offset(value, loaded) for tag, value in entries if tag == _STRINGS), 0)
    needed = tuple(_text(data, strings + value) for tag, value in entries if tag == _NEEDED)
    return Library(MACHINES.get(machine, "another machine"), needed)


def _entries(data: bytes, offset: int, length: int) -> list[tuple[int, int]]:
    return [_ENTRY.unpack_from(data, at) for at in range(offset, offset + length, _ENTRY.size)]


def _offset(address: int, loaded: list[tuple[int, int, int]]) -> int:
    """Where in the file lies what is loaded at this address."""
    for start, offset, length in loaded:
        if start <= address < start + length:
            return offset + address - start
    raise ValueError(f"no segment is loaded at {address:#x}")


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()

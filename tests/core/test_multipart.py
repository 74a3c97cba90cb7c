"""Forms as browsers and programs send them, and as somebody sends them who wants the reader to fall over."""

from typing import Any

import pytest

from chalicelib.core.errors import ValidationFailed
from chalicelib.core.multipart import MAX_HEAD_BYTES, MAX_PARTS, Upload, file_of
from chalicelib.core.routing import Call

HEAD = b"Content-Disposition: form-data; name="


def read(raw: bytes, content_type: str = "multipart/form-data; boundary=xx") -> Upload:
    given: dict[str, Any] = {
        "deps": None,
        "scope": None,
        "path": {},
        "query": None,
        "body": None,
        "parameters": {},
        "url": "",
        "request_id": "",
    }
    return file_of(Call(raw=raw, headers={"content-type": content_type}, **given))


def form(*parts: bytes, end: bytes = b"--xx--\r\n") -> bytes:
    return b"".join(b"--xx\r\n" + part + b"\r\n" for part in parts) + end


FILE = HEAD + b'"file"; filename="a.csv"\r\nContent-Type: text/csv; charset=utf-8\r\n\r\nk\r\nv'


def test_the_file_and_the_other_fields() -> None:
    upload = read(form(HEAD + b'"dry_run"\r\n\r\ntrue', FILE))
    assert upload == Upload(b"k\r\nv", "a.csv", "text/csv", {"dry_run": "true"})


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\nx", b"--x", b"\r\n--x\r\n", bytes(range(256)), b"\n\r\r\n--\r\n"])
def test_every_byte_of_a_file_arrives(data: bytes) -> None:
    assert read(form(HEAD + b"file\r\n\r\n" + data)).data == data


def test_a_body_that_is_no_form_is_the_file() -> None:
    assert read(b"k,v", "text/csv; charset=utf-8") == Upload(b"k,v", mime="text/csv")


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        (b"file; filename=plain.csv", "plain.csv"),
        (b'"file"; filename="w\xc3\xb6rter.csv"', "wörter.csv"),
        (b'file; filename="a \\"quoted\\" one.csv"', 'a "quoted" one.csv'),
        (b"file; filename*=UTF-8''w%C3%B6rter.csv", "wörter.csv"),
        (b"file", ""),
    ],
)
def test_file_names(disposition: bytes, filename: str) -> None:
    assert read(form(HEAD + disposition + b"\r\n\r\nx")).filename == filename


@pytest.mark.parametrize("boundary", ["xx", '"xx"', "xx; charset=utf-8", '"xx" ; x=y'])
def test_boundaries(boundary: str) -> None:
    assert read(form(FILE), f"multipart/form-data; boundary={boundary}").data == b"k\r\nv"


def test_text_before_the_form_and_line_feeds_alone_are_understood() -> None:
    assert read(b"preamble\r\n" + form(FILE)).filename == "a.csv"
    assert read(form(FILE).replace(b"\r\n", b"\n")).data == b"k\nv"


NESTED = b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(3000))
BROKEN = {
    "no boundary": (form(FILE), "multipart/form-data"),
    "another boundary": (form(FILE), "multipart/form-data; boundary=yy"),
    "a boundary that is too long": (form(FILE), "multipart/form-data; boundary=" + "x" * 71),
    "cut off": (form(FILE, end=b""), None),
    "nothing": (b"", None),
    "no file": (form(HEAD + b"other\r\n\r\nx"), None),
    "no head": (form(b"x"), None),
    "many parts": (form(*[HEAD + b"a\r\n\r\nx"] * (MAX_PARTS + 1)), None),
    "a long head": (form(HEAD + b"file; " + b"a=b; " * MAX_HEAD_BYTES + b"\r\n\r\nx"), None),
    "a transfer encoding": (form(HEAD + b"file\r\nContent-Transfer-Encoding: base64\r\n\r\neA=="), None),
    "forms in forms": (form(HEAD + b"file\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n" + NESTED, end=b""), None),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_the_senders_mistake(name: str) -> None:
    raw, content_type = BROKEN[name]
    with pytest.raises(ValidationFailed):
        read(raw, *([content_type] if content_type else []))


def test_a_form_inside_a_form_is_a_file_like_any_other_and_costs_no_more() -> None:
    lines = b"x\r\n" * 200_000
    inner = b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + NESTED + lines
    assert len(read(form(HEAD + b"file\r\n" + inner)).data) == len(NESTED + lines)


def test_brackets_in_a_head_end_nowhere() -> None:
    assert read(form(HEAD + b"file; filename=" + b"(" * 3000 + b"\r\n\r\nx")).data == b"x"

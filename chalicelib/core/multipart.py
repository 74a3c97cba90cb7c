"""The one file of an upload: a multipart form's `file` field or the raw body.

The form is read here and not by the standard library's `email`: a mail's parts nest and its headers have a grammar, which lets two
kilobytes of brackets end in a RecursionError and a form of forms cost its length times its depth. A browser's form has neither.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from chalicelib.core.errors import ValidationFailed
from chalicelib.core.routing import Call

MAX_PARTS = 32
MAX_HEAD_BYTES = 4_096  # of one part
MAX_BOUNDARY_CHARACTERS = 70  # Source: RFC 2046, 5.1.1
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*(name|filename|filename\*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))', re.IGNORECASE)
_PLAIN = frozenset({"", "7bit", "8bit", "binary"})


@dataclass(frozen=True)
class Upload:
    """fields: the form's other fields as text."""

    data: bytes
    filename: str = ""
    mime: str = ""
    fields: dict[str, str] = field(default_factory=dict)


def file_of(call: Call) -> Upload:
    """Raises: ValidationFailed when the form is broken or has no `file`."""
    if call.content_type != "multipart/form-data":
        return Upload(call.raw, mime=call.content_type)
    fields, found = {}, None
    for head, data in _parts(call.headers["content-type"], call.raw):
        headers = _headers(head)
        if headers.get("content-transfer-encoding", "").lower() not in _PLAIN:
            raise _broken("a part has a transfer encoding, which forms do not know")
        about = _parameters(headers.get("content-disposition", ""))
        if about.get("name") == "file":
            found = Upload(data, about.get("filename", ""), headers.get("content-type", "text/plain").partition(";")[0].strip().lower())
        elif "name" in about:
            fields[about["name"]] = data.decode("utf-8", "replace")
    if found is None:
        raise ValidationFailed.field("file", "the form has no field `file`.")
    return Upload(found.data, found.filename, found.mime, fields)


def _broken(why: str) -> ValidationFailed:
    return ValidationFailed.field("file", f"the form cannot be read: {why}.")


def _parts(content_type: str, raw: bytes) -> list[tuple[bytes, bytes]]:
    """Head and content of each part. Source: RFC 7578 and, for the delimiters, RFC 2046, 5.1.1. Raises: ValidationFailed."""
    named = _BOUNDARY.search(content_type)
    boundary = (named[1] or named[2] or "") if named else ""
    if not 1 <= len(boundary) <= MAX_BOUNDARY_CHARACTERS or not boundary.isascii():
        raise _broken("its content type names no boundary")
    opening = b"--" + boundary.encode()
    begins = 0 if raw.startswith(opening) else raw.find(b"\n" + opening) + 1
    if not raw.startswith(opening, begins):
        raise _broken("is its boundary right?")
    line_end = b"\n" if raw[begins + len(opening) :].lstrip(b" \t").startswith(b"\n") else b"\r\n"
    pieces = raw[begins + len(opening) :].split(line_end + opening, MAX_PARTS + 1)
    found: list[tuple[bytes, bytes]] = []
    for piece in pieces:
        if piece.startswith(b"--"):
            return found
        padding, _, part = piece.partition(line_end)
        head, gap, data = (line_end + part).partition(line_end * 2)
        if padding.strip() or not gap:
            raise _broken("a part has no head")
        if len(head) > MAX_HEAD_BYTES:
            raise _broken(f"a part's head has more than {MAX_HEAD_BYTES} bytes")
        found.append((head, data))
    raise _broken(f"it has more than {MAX_PARTS} parts" if len(pieces) > MAX_PARTS else "its end is missing")


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("utf-8", "replace").splitlines())
    return {name.strip().lower(): value.strip() for name, colon, value in lines if colon}


def _parameters(disposition: str) -> dict[str, str]:
    """name and filename. A browser escapes only the quotation mark; `filename*` is what some programs send (RFC 5987)."""
    found: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(disposition):
        value = re.sub(r"\\(.)", r"\1", quoted) or bare
        if name.endswith("*"):
            charset, _, rest = value.partition("'")
            plain = unquote_to_bytes(rest.partition("'")[2]) if charset.lower() in ("utf-8", "us-ascii") else b""
            name, value = "filename", plain.decode("utf-8", "replace")
        if value or name.lower() not in found:
            found[name.lower()] = value
    return found

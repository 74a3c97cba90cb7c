"""The one file of an upload: a multipart form's `file` field or the raw body."""

from dataclasses import dataclass, field
from email import message_from_bytes, policy

from chalicelib.core.errors import ValidationFailed
from chalicelib.core.routing import Call


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
    head = f"Content-Type: {call.headers['content-type']}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    form = message_from_bytes(head + call.raw, policy=policy.HTTP)
    if not form.is_multipart():
        raise ValidationFailed.field("file", "the form cannot be read; is its boundary right?")
    fields, found = {}, None
    for part in form.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        data = content if isinstance(content, bytes) else b""
        if name == "file":
            found = Upload(data, part.get_filename() or "", part.get_content_type())
        elif isinstance(name, str):
            fields[name] = data.decode("utf-8", "replace")
    if found is None:
        raise ValidationFailed.field("file", "the form has no field `file`.")
    return Upload(found.data, found.filename, found.mime, fields)

"""What routes answer, as models for the OpenAPI document: a record as it is stored, with what `present` adds and without what it hides."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, Field, create_model

_MADE: dict[tuple[type[BaseModel], frozenset[str], tuple[tuple[str, Any], ...]], type[BaseModel]] = {}


def answer_model(record: type[BaseModel], *, hidden: Iterable[str] = (), called: str = "", **added: Any) -> type[BaseModel]:
    """The model of a record as answered: all fields required, without the hidden ones, with the added ones (name=type).

    called: its name in the document, the record's own when left out. Asked for alike it is the same model, so that the document
    has one component of it.
    """
    unseen = frozenset(hidden)
    key = (record, unseen, (("", called), *sorted(added.items(), key=lambda pair: pair[0])))
    if key not in _MADE:
        fields: dict[str, Any] = {n: (Any, Field(None, exclude=True)) for n in sorted(unseen)}
        fields |= {n: (kind, ...) for n, kind in added.items()}
        made = create_model(
            called or record.__name__,
            __base__=record,
            __module__=record.__module__,
            __doc__=record.__doc__,
            __cls_kwargs__={"json_schema_serialization_defaults_required": True},
            **fields,
        )
        _MADE[key] = made
    return _MADE[key]

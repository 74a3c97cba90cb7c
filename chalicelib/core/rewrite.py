"""Changes an object in one transaction with others that must agree with it, again when somebody else was first."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from chalicelib.core.entity import M, invalid
from chalicelib.core.errors import PreconditionFailed, Stale
from chalicelib.core.ids import stamp
from chalicelib.core.repository import Repository
from chalicelib.core.table import Write

TRIES = 8
T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)


def in_turn(step: Callable[[], T]) -> T:
    """Do a step that reads and then writes conditionally; again when what it read had moved on. Raises: Stale when it never fits."""
    for _ in range(TRIES - 1):
        try:
            return step()
        except Stale:
            continue
    return step()


def rewrite(
    repository: Repository[M],
    public_id: str,
    changes: Callable[[M], dict[str, Any]],
    also: Callable[[M, M], Sequence[Write]],
    *,
    if_match: int | None = None,
    deleted: bool = False,
) -> M:
    """Change an object. changes: the new values, from the present record; also: the writes on other objects that belong to the
    change, from the record before and after. Nothing is written when nothing changes.

    Raises: NotFound, ValidationFailed, PreconditionFailed, Duplicate, and what the two functions raise.
    """

    def step() -> M:
        old = repository.get(public_id, deleted=deleted)
        if if_match is not None and old.version != if_match:
            raise PreconditionFailed()
        wanted = changes(old)
        if all(getattr(old, name) == value for name, value in wanted.items()):
            return old
        new = repository.changed(old, **wanted)
        return repository.save(old, new, *also(old, new))

    return in_turn(step)


def gone(repository: Repository[M]) -> dict[str, Any]:
    """The changes of a soft delete."""
    return {"deleted_at": stamp(repository.clock.now())}


def parsed(model: type[B], body: dict[str, Any]) -> B:
    """A body that a service checks itself. Raises: ValidationFailed with a message for each field."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise invalid(error) from None

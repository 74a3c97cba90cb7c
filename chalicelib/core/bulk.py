"""Bulk actions: how their bodies name objects, and the one answer they all give, object by object."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, StringConstraints

from chalicelib.core.errors import AppError

MAX_IDS = 100
MAX_PAID_IDS = 10  # tasks or contents of one call that spends credits; Source: the product's contract, "Writing and publishing"
MAX_IMAGE_IDS = 50

Id = Annotated[str, StringConstraints(min_length=1, max_length=120)]


def _once(ids: list[str]) -> list[str]:
    return list(dict.fromkeys(ids))


Ids = Annotated[list[Id], AfterValidator(_once)]


def ids_field(*aliases: str, most: int = MAX_IDS, optional: bool = False) -> Any:
    """A list of 1 to `most` ids, named `ids` or by one of the aliases."""
    default: Any = {"default": None} if optional else {}
    return Field(**default, validation_alias=AliasChoices("ids", *aliases), min_length=1, max_length=most, description=f"1 to {most} ids.")


class Body(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Accepted(BaseModel):
    """Ask `system/settings/task_progress/{task_id}/` how it goes. accepted: objects that will be worked on."""

    task_id: str
    accepted: int


class BulkFailure(BaseModel):
    id: str
    code: str
    message: str


class BulkAnswer(BaseModel):
    """succeeded: ids; failed: those that could not be done, and why."""

    succeeded: list[str]
    failed: list[BulkFailure]


def each(ids: Iterable[str], act: Callable[[str], Any]) -> dict[str, Any]:
    """Do `act` for every id by itself; what fails stops nothing else. Returns the data of a BulkAnswer."""
    succeeded, failed = [], []
    for one in ids:
        try:
            act(one)
        except AppError as error:
            failed.append({"id": one, "code": error.code, "message": error.message})
        else:
            succeeded.append(one)
    return {"succeeded": succeeded, "failed": failed}

"""AIFunction: the declaration of one kind of AI work. It knows facts and objects; HTTP, provider and billing are the engine's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel

from chalicelib.billing.caps import Cap
from chalicelib.core.context import Context
from chalicelib.core.table import Write
from chalicelib.ports import ImageRequest
from chalicelib.system.origin import Origin


class Skip(Exception):
    """There is nothing to do for this item, and that is no failure. reason: for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Loaded:
    """What `load` found.

    facts: JSON types, what the prompt is rendered from; state: whatever `apply` needs, records with their versions; units: what is
    reserved for, in units of the function's price; site_id: whose voice and provider count; image: set by image functions, and
    prompt, the id and version of the prompt it was made from; ask: False when the facts need no model, and `apply` gets None for an answer.
    objections: what speaks against an answer that could be stored; the model hears it once, and what it then answers counts.
    """

    facts: dict[str, Any]
    state: Any
    units: int
    site_id: str
    image: ImageRequest | None = None
    ask: bool = True
    prompt: tuple[str, str] = ("", "")
    objections: "Objections | None" = None


@dataclass(frozen=True)
class Part:
    """Work saved ahead of the last transaction. name: of this part, unique in the operation; units: what it is charged with, at least 1."""

    name: str
    writes: Sequence[Write]
    units: int


@dataclass(frozen=True)
class Outcome:
    """What `apply` wants stored. parts: earlier transactions, in order; writes: the last one, together with the charge;
    units: charged for `writes`; result: JSON, what was made; saved: what is left to do once all that is stored."""

    writes: Sequence[Write]
    units: int
    result: dict[str, Any]
    parts: Sequence[Part] = ()
    saved: Callable[[], None] | None = None


@dataclass(frozen=True)
class Options:
    """What the caller chose beyond the item. ids: a part of a sector's keywords. extra: what else the function's `load` takes (count,
    section, instructions). caps: of the run and its day, that the work counts under. resumed: an earlier try has saved a part of the
    work; this one does what is left, however little that is."""

    ids: tuple[str, ...] = ()
    run_id: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    caps: tuple[Cap, ...] = ()
    resumed: bool = False


class Report(Protocol):
    def __call__(self, phase: str, percentage: int, message: str = "") -> None:
        """Say how far the work is. message: for people, beyond what the phase says."""
        ...


Objections = Callable[[Any], list[str]]  # a valid answer -> what speaks against it, in sentences a model can act on
Embed = Callable[[Sequence[str]], tuple[Any, float]]  # texts -> vectors (n, d), threshold of the embedder
OUTPUT_TOKENS = 8_000  # an answer may have at least so many; a limit that is not reached costs nothing


def _all_at_once(facts: dict[str, Any], answers: Sequence[Any]) -> dict[str, Any] | None:
    return None if answers else facts


def _the_only_one(answers: Sequence[Any]) -> Any:
    return answers[0]


def _usual(facts: dict[str, Any]) -> int:
    return OUTPUT_TOKENS


@dataclass(frozen=True)
class Form:
    """How one question is put. schema: of its answer; part: `<function>.<part>.md` is what the question adds to the function's prompt,
    '' adds nothing; progress: which share of the work is done when it is asked, 0 to 1; said: what is shown meanwhile, for people; kept:
    the answer is kept for a try after a crash, as those of parts are."""

    schema: type[BaseModel]
    part: str = ""
    progress: float = 0.0
    said: str = ""
    kept: bool = False


@dataclass(frozen=True)
class AIFunction:
    """name: also of the prompt file beside it; operation: key of the price table; item: what one item is, for messages;
    schema: the answer's model, None for images; load may raise Skip or NotFound; apply gets the validated answer.

    Work that is too much for one question: question gets the facts and the answers so far and returns the facts of the next question,
    None when all is asked; joined makes one answer of them all. output_tokens: how long the answer to a question's facts may be.
    form: how a question with such facts is put, where not every question wants the same answer. Answers of such work are kept for a
    while (`kept.py`), so that a try after a crash goes on where the last one ended.
    """

    name: str
    operation: str
    item: str
    schema: type[BaseModel] | None
    load: Callable[[Context, str, Options, Embed], Loaded]
    apply: Callable[[Context, Loaded, Any, Origin], Outcome]
    question: Callable[[dict[str, Any], Sequence[Any]], dict[str, Any] | None] = _all_at_once
    joined: Callable[[Sequence[Any]], Any] = _the_only_one
    output_tokens: Callable[[dict[str, Any]], int] = _usual
    form: Callable[[dict[str, Any]], Form] | None = None

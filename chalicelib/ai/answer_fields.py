"""What the answers' models are made of: fields with limits that are told to the model and checked here, and how texts are compared.

The models are strict (`extra="forbid"`, every field required, no defaults), so that their JSON schema is accepted as it is by
OpenAI's structured outputs. Lengths are checked by validators instead of `maxLength`, which strict schemas do not allow; the
limit is told to the model in the field's description.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from chalicelib.ai.plain_text import unplain


@dataclass(frozen=True)
class Chars:
    """Metadata of a text field: its meaning, told to the model, and its length in characters, checked here."""

    longest: int
    meaning: str
    shortest: int = 1

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "description": f"{self.meaning} At most {self.longest} characters."}

    def _check(self, text: str) -> str:
        if not self.shortest <= len(text) <= self.longest:
            raise ValueError(f"has {len(text)} characters; {self.shortest} to {self.longest} are allowed")
        return text


@dataclass(frozen=True)
class Entries:
    """Metadata of a list field: how many entries it may have."""

    shortest: int
    longest: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, items: list[Any]) -> list[Any]:
        if not self.shortest <= len(items) <= self.longest:
            raise ValueError(f"has {len(items)} entries; {self.shortest} to {self.longest} are allowed")
        return items


Keyword = Annotated[str, Chars(500, "A keyword, spelled exactly as it was given.")]


class Answer(BaseModel):
    """What all answers share: nothing unknown, nothing left out."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


def folded(text: str) -> str:
    """What makes two texts the same: case and spacing do not count, nor what a prompt shows instead of angle brackets."""
    return " ".join(unplain(text).casefold().split())


def as_given(texts: Iterable[str], given: Iterable[str]) -> list[str]:
    """The texts, each spelled as it was given where it was given."""
    known = {folded(g): g for g in given}
    return [known.get(folded(t), t) for t in texts]


def once(texts: Iterable[str]) -> list[str]:
    """The texts in their order, each once, whatever its case."""
    return list({folded(t): t for t in reversed(list(texts))}.values())[::-1]


def doubled(texts: Sequence[str]) -> list[str]:
    """Texts that occur more than once, each named once."""
    seen: set[str] = set()
    twice = []
    for text in texts:
        if folded(text) in seen:
            twice.append(text)
        seen.add(folded(text))
    return once(twice)


def listed(what: str, texts: Sequence[str]) -> list[str]:
    """One problem that names at most ten offenders, or none."""
    if not texts:
        return []
    more = f" and {len(texts) - 10} more" if len(texts) > 10 else ""
    return [f"{what}: {', '.join(repr(t[:120]) for t in texts[:10])}{more}."]

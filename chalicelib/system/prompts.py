"""Prompts of a tenant's own, one per AI function at most; without one the built-in prompt is used."""

from string import Template
from typing import Literal

from pydantic import Field, field_validator

from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Filter, Record, Unique, in_account
from chalicelib.core.service import Service

PROMPT_TYPES = ("auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images")
PromptType = Literal["auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images"]


class AIPrompt(Record):
    """prompt_value: text with `$variables`; unknown ones stay as they are."""

    prompt_type: PromptType
    prompt_value: str = Field(min_length=1, max_length=20_000)
    function_name: str | None = None

    @field_validator("prompt_value")
    @classmethod
    def _template(cls, value: str) -> str:
        if not Template(value).is_valid():
            raise ValueError("write a literal dollar sign as $$")
        return value


PROMPT: Entity[AIPrompt] = Entity(
    name="prompt",
    plural="prompts",
    model=AIPrompt,
    letter="PR",
    place=in_account("PR", partition="G"),
    filters={"prompt_type": Filter("prompt_type", choices=PROMPT_TYPES)},
    unique=(Unique(("prompt_type",), within="account"),),
    create=frozenset({"prompt_type", "prompt_value"}),
    patch=frozenset({"prompt_value"}),
    soft_delete=False,
)


class Prompts(Service[AIPrompt]):
    entity = PROMPT


def own_prompt(ctx: Context, prompt_type: str) -> AIPrompt | None:
    """The account's own prompt of this function, if it has one: two key look-ups at most."""
    sentinel = ctx.deps.table.get((f"{ctx.tenant}#A#U", f"PR#prompt_type#{prompt_type}"), consistent=False)
    return ctx.repository(PROMPT).find(sentinel["of"]) if sentinel else None

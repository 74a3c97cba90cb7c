"""Prompts of a tenant's own, one per AI function at most; without one the built-in prompt is used."""

from collections.abc import Callable
from string import Template
from typing import Any, Literal, get_args

from pydantic import Field, field_validator

from chalicelib.core.context import Context
from chalicelib.core.entity import Entity, Filter, Record, Unique, in_account
from chalicelib.core.service import Service

PromptType = Literal["auto_cluster", "generate_ideas", "generate_content", "generate_image_prompts", "generate_images"]
PROMPT_TYPES: tuple[str, ...] = get_args(PromptType)


class AIPrompt(Record):
    """prompt_value: text with `$variables`; unknown ones stay as they are. is_default: it was reset, so the built-in prompt is used, as
    it is now and will be; the text shown is the one it had when it was reset."""

    prompt_type: PromptType
    prompt_value: str = Field(min_length=1, max_length=20_000)
    function_name: str | None = None
    is_default: bool = False

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

    def changes(self, present: AIPrompt, changes: dict[str, Any]) -> dict[str, Any]:
        return {**changes, "is_default": False} if "prompt_value" in changes else changes

    def reset(self, public_id: str, built_in: Callable[[str], str]) -> AIPrompt:
        """Use the built-in prompt again. built_in: its text, by type. Raises: NotFound."""
        return self.repository.patch(public_id, lambda old: {"prompt_value": built_in(old.prompt_type), "is_default": True})


def own_prompt(ctx: Context, prompt_type: str) -> AIPrompt | None:
    """The account's own prompt of this function, if it has one: two key look-ups at most."""
    prompts = ctx.repository(PROMPT)
    public_id = prompts.holder("", prompt_type=prompt_type)
    found = prompts.find(public_id) if public_id else None
    return found if found is not None and not found.is_default else None

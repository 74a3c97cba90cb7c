"""HTTP of prompts as far as it needs the built-in ones."""

from typing import Any

from pydantic import BaseModel

from chalicelib.ai.prompts import built_in, variables
from chalicelib.core.answers import answer_model
from chalicelib.core.errors import NotFound
from chalicelib.core.routing import Answer, Call, Router
from chalicelib.system.prompts import PROMPT_TYPES, AIPrompt, Prompts

router = Router("system", tag="System", throttle="system")


class BuiltIn(BaseModel):
    """variables: names that may stand in the text as $name."""

    prompt_type: str
    prompt_value: str
    variables: list[str]


@router.get("prompts/defaults", role="admin", summary="The built-in prompts", answer=list[BuiltIn])
def defaults(call: Call) -> Any:
    texts = {name: built_in(name) for name in PROMPT_TYPES}
    return [{"prompt_type": name, "prompt_value": text, "variables": sorted(variables(text))} for name, text in texts.items()]


@router.post(
    "prompts/{id}/reset_to_default",
    role="admin",
    summary="Use the built-in prompt again",
    answer=answer_model(AIPrompt),
    errors=(NotFound,),
)
def reset_to_default(call: Call) -> Answer:
    prompts = Prompts(call.ctx)
    return Answer(prompts.present([prompts.reset(call.id, built_in)])[0])

"""Origin: how AI made an object, kept with it, so that years later it is still known which model and prompt a text came from."""

from typing import Any

from pydantic import BaseModel


class Origin(BaseModel):
    """function: the AI function. provider, model: who answered, which is not always whom the settings name first. prompt_id: of the
    account's own prompt, or `built-in:<function>`; prompt_version: a hash of its text. tokens_in, tokens_out, cost_usd: of all replies it
    took, rejected ones too; null when the provider does not say. repaired: a first answer was refused. op: the operation of the
    ledger that was charged. at: when it was answered. call: id of the kept prompts and answers (`system/ai-calls/{id}/`), which are
    deleted after 30 days."""

    function: str
    provider: str
    model: str = ""
    prompt_id: str = ""
    prompt_version: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    duration_ms: int = 0
    repaired: bool = False
    run_id: str | None = None
    op: str = ""
    at: str = ""
    call: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As it is stored with the object: what is known."""
        return {k: v for k, v in self.model_dump().items() if v is not None and v != ""}

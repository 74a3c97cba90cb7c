"""Ask OpenAI, or a server that speaks its chat completions, for JSON of a given schema."""

import json
import re
from datetime import date
from typing import Any

import pydantic

from chalicelib.adapters.openai_client import OpenAIConnection, Patience
from chalicelib.adapters.safe_http import Transport
from chalicelib.core.errors import InvalidAnswer
from chalicelib.ports import TextAnswer, TextRequest

# Families that reason before they answer: their limit on tokens covers the reasoning too, and most efforts refuse a temperature.
REASONING = re.compile(r"^(o\d|gpt-(?:[5-9]|\d\d))(?!.*-chat)")
REASONING_TOKENS = {"none": 0, "minimal": 1000, "low": 4000, "medium": 12_000, "high": 32_000, "xhigh": 64_000, "max": 64_000}
UNSUPPORTED = frozenset({"unsupported_parameter", "unsupported_value"})
OPTIONAL = frozenset({"reasoning_effort", "temperature", "max_completion_tokens"})
PROBLEMS_SHOWN = 20


class OpenAITextModel:
    """`ports.TextModel` on chat completions (servers that imitate OpenAI enforce a schema there, not on responses).

    model: a setting, never a constant. reasoning_effort: for models that reason; `none` switches it off and allows a temperature.
    temperature: None leaves it to the model. tight: the server decodes by a grammar (llama.cpp, Ollama)
    and is told all that can be said of the answer.
    """

    provider = "openai"

    def __init__(
        self,
        api_key: str,
        model: str,
        base_url: str | None = None,
        *,
        reasoning_effort: str = "low",
        temperature: float | None = None,
        tight: bool = False,
        http: Transport | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.model = model
        self._connection = OpenAIConnection(api_key, base_url, http)
        self._effort, self._temperature, self._tight = reasoning_effort, temperature, tight
        self._patience = patience or Patience()
        self._refused: set[str] = set()  # optional parameters this server has said it does not know

    def complete(self, request: TextRequest) -> TextAnswer:
        """See `ports.TextModel.complete`. An `InvalidAnswer` carries in `extra` the text as it came (`answer`), what is wrong with it
        (`problems`) and what it cost (`tokens_in`, `tokens_out`, `cost_usd`), as far as known."""
        return self._patience.call(lambda seconds: self._ask(request, seconds), request.timeout_seconds)

    def offered(self, timeout_seconds: float) -> dict[str, str | None]:
        """See `ports.ModelList`. Source: OpenAI API reference, models, `shutdown_date`."""
        return self._patience.call(self._offered, timeout_seconds)

    def _offered(self, seconds: float) -> dict[str, str | None]:
        import openai

        try:
            raw: Any = self._connection.client().models.with_raw_response.list(timeout=max(0.1, seconds))
        except openai.APIError as error:
            raise self._connection.translated(error, self.model) from None  # its own text may repeat the key
        try:
            models = json.loads(raw.text)["data"]
            return {str(one["id"]): _date(one.get("shutdown_date")) for one in models}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidAnswer("The model's server has no list of its models in OpenAI's form.") from error

    def _ask(self, request: TextRequest, seconds: float) -> TextAnswer:
        import openai

        client = self._connection.client()
        while True:
            try:
                raw: Any = client.chat.completions.with_raw_response.parse(
                    model=self.model,
                    messages=messages(request),  # type: ignore[arg-type]
                    response_format=self._form(request),
                    timeout=max(0.1, seconds),
                    **self._parameters(request),
                )
                break
            except openai.APIError as error:
                if isinstance(error, openai.APIStatusError) and error.code in UNSUPPORTED and self._give_up(error.param or ""):
                    continue
                raise self._connection.translated(error, self.model) from None  # its own text may repeat the key
        return self._read(raw, request)

    def _form(self, request: TextRequest) -> Any:
        """The schema the server is to obey."""
        if not self._tight or request.tight is None:
            return request.schema
        return {"type": "json_schema", "json_schema": {"name": request.schema.__name__, "strict": True, "schema": request.tight()}}

    def _give_up(self, parameter: str) -> bool:
        """Whether to ask again without this parameter."""
        if parameter not in OPTIONAL or parameter in self._refused:
            return False
        self._refused.add(parameter)
        return True

    def _parameters(self, request: TextRequest) -> dict[str, Any]:
        reasons = bool(REASONING.match(self.model)) and "reasoning_effort" not in self._refused
        limit = request.max_output_tokens + (REASONING_TOKENS.get(self._effort, 0) if reasons else 0)
        parameters: dict[str, Any] = {"max_tokens" if "max_completion_tokens" in self._refused else "max_completion_tokens": limit}
        if reasons:
            parameters["reasoning_effort"] = self._effort
        if self._temperature is not None and "temperature" not in self._refused and (not reasons or self._effort == "none"):
            parameters["temperature"] = self._temperature
        return parameters

    def _read(self, raw: Any, request: TextRequest) -> TextAnswer:
        """The answer of a raw response. Raises: InvalidAnswer, UpstreamUnavailable, UpstreamRejected."""
        import openai

        try:
            body = json.loads(raw.text)
        except ValueError as error:
            raise InvalidAnswer("The model's server answers with something that is not JSON: is the base URL right?") from error
        if not isinstance(body, dict) or not body.get("choices"):
            if isinstance(body, dict) and isinstance(body.get("error"), dict):
                raise self._connection.of_error_object(body["error"], self.model)
            raise InvalidAnswer("The model's server does not answer in OpenAI's form.")
        message = (body["choices"][0] or {}).get("message") or {}
        content, refusal = message.get("content"), message.get("refusal")
        spent = self._spent(body)
        known = {**spent, **({"answer": content} if isinstance(content, str) and content else {})}
        if refusal:
            raise InvalidAnswer(f"The model refuses: {self._connection.said(str(refusal))}", **known)
        try:
            raw.parse()
            if self._tight and isinstance(content, str) and content.strip():  # the library checks against a model only, not a schema
                request.schema.model_validate_json(content)
        except openai.LengthFinishReasonError as error:
            problem = f"The answer is cut off: it is longer than {request.max_output_tokens} tokens."
            raise InvalidAnswer(problem, problems=[problem], **known) from error
        except openai.ContentFilterFinishReasonError as error:
            raise InvalidAnswer("The provider's content filter stopped the answer.", **known) from error
        except pydantic.ValidationError as error:
            found = problems(error)
            raise InvalidAnswer(f"The answer does not have the form asked for: {'; '.join(found[:3])}", problems=found, **known) from error
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise InvalidAnswer("The model's server does not answer in OpenAI's form.", **known) from error
        if not isinstance(content, str) or not content.strip():
            raise InvalidAnswer("The model's answer is empty.", **spent)
        return TextAnswer(text=content, model=str(body.get("model") or self.model), provider=self.provider, **spent)

    def _spent(self, body: dict[str, Any]) -> dict[str, Any]:
        """Tokens and cost as the server counts them; None where it does not say."""
        usage = body.get("usage") or {}
        tokens_in, tokens_out = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
        cost = None
        if tokens_in is not None and tokens_out is not None:
            details = usage.get("prompt_tokens_details") or {}
            tokens = {"input_tokens": tokens_in, "output_tokens": tokens_out}
            for name, theirs in (("cache_read_tokens", "cached_tokens"), ("cache_write_tokens", "cache_write_tokens")):
                if count := _count(details.get(theirs)):
                    tokens[name] = count
            cost = self._connection.price_usd(str(body.get("model") or self.model), **tokens)
        return {"tokens_in": tokens_in, "tokens_out": tokens_out, "cost_usd": cost}


def _date(value: Any) -> str | None:
    """The day of a date or time as text; None for anything else."""
    try:
        return date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError:
        return None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def messages(request: TextRequest) -> list[dict[str, str]]:
    """The chat: system, prompt and, on the second try, the first answer and what was wrong with it, as turns of their own."""
    turns = [{"role": "system", "content": request.system}] if request.system else []
    turns.append({"role": "user", "content": request.prompt})
    if request.repair is not None:
        wrong = "\n".join(f"- {problem}" for problem in request.repair.problems)
        turns.append({"role": "assistant", "content": request.repair.answer})
        turns.append({"role": "user", "content": f"That answer cannot be used:\n{wrong}\nAnswer again with the whole JSON, corrected."})
    return turns


def problems(error: pydantic.ValidationError) -> list[str]:
    """What a validation found, one line each: where, and what is wrong."""
    return [f"{'.'.join(str(part) for part in e['loc']) or 'answer'}: {e['msg']}" for e in error.errors(include_url=False)[:PROBLEMS_SHOWN]]

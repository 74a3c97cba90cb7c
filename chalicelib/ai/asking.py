"""How an AI function's questions are put to a model: ask, validate, repair once, and keep what it took."""

import time
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from chalicelib.ai.answers import problems
from chalicelib.ai.function import AIFunction, Loaded, Options, Provenance, Report
from chalicelib.ai.prompts import SYSTEM, prompt_for
from chalicelib.ai.providers import image_model, text_model
from chalicelib.core.context import Context
from chalicelib.core.errors import InvalidAnswer
from chalicelib.core.observability import logger
from chalicelib.ports import Repair, TextAnswer, TextModel, TextRequest
from chalicelib.system.settings import provider_for

REPAIRS = 1
LEAST_CALL_SECONDS, LONGEST_CALL_SECONDS, TOKENS_PER_SECOND = 120.0, 400.0, 70


def ask(ctx: Context, function: AIFunction, loaded: Loaded, options: Options, report: Report) -> tuple[Any, Provenance]:
    started = time.monotonic()
    if not loaded.ask:
        choice = provider_for(ctx, "embedding").choice
        return None, Provenance(function.name, choice.provider, choice.model, run_id=options.run_id, op=str(options.extra.get("op", "")))
    if function.schema is None:
        assert loaded.image is not None, function.name
        drawn = image_model(ctx).draw(loaded.image)
        took = round((time.monotonic() - started) * 1000)
        return drawn, Provenance(
            function.name,
            drawn.provider,
            drawn.model,
            cost_usd=drawn.cost_usd,
            duration_ms=took,
            run_id=options.run_id,
            op=str(options.extra.get("op", "")),
        )
    model = text_model(ctx, function)
    answers: list[Any] = []
    replies: list[TextAnswer] = []
    repaired = False
    while (facts := function.question(loaded.facts, answers)) is not None:
        prompt, prompt_id, version = prompt_for(ctx, function.name, facts)
        tokens = function.output_tokens(facts)
        request = TextRequest(
            function.name, SYSTEM, prompt, function.schema, facts, max_output_tokens=tokens, timeout_seconds=_seconds(tokens)
        )
        answer, came, again = _answered(function, model, request, function.schema, report)
        answers.append(answer)
        replies += came
        repaired = repaired or again
    return function.joined(answers), _provenance(function, replies, prompt_id, version, started, repaired, options)


def _seconds(tokens: int) -> float:
    """How long a call for so many tokens may take: what a slow model needs, as long as two calls fit into a worker's 15 minutes."""
    return min(LONGEST_CALL_SECONDS, max(LEAST_CALL_SECONDS, tokens / TOKENS_PER_SECOND))


def _answered(
    function: AIFunction, model: TextModel, request: TextRequest, schema: type[BaseModel], report: Report
) -> tuple[BaseModel, list[TextAnswer], bool]:
    """The valid answer to one question, the replies it took, and whether it was repaired. Raises: InvalidAnswer."""
    replies: list[TextAnswer] = []
    for attempt in range(REPAIRS + 1):
        try:
            reply = model.complete(request)
        except InvalidAnswer as error:  # refused, cut off or no JSON: the adapter may hand over what came
            text, found = str(error.extra.get("answer", "")), [error.message]
        else:
            replies.append(reply)
            text = reply.text
            report("PARSE", 60 + 10 * attempt)
            parsed, found = _parsed(schema, text, request.facts, check_language=model.provider != "offline")
            if parsed is not None and not found:
                return parsed, replies, attempt > 0
        if attempt < REPAIRS:
            logger().info("asking for a repair", extra={"ai_function": function.name, "problems": found[:5]})
            request = replace(request, repair=Repair(text[:20_000], found[:20]))
    raise InvalidAnswer(f"The model's answer for this {function.item} could not be used: {'; '.join(found)[:600]}")


def _parsed(schema: type[BaseModel], text: str, facts: dict[str, Any], *, check_language: bool) -> tuple[BaseModel | None, list[str]]:
    try:
        answer = schema.model_validate_json(text)
    except ValidationError as error:
        return None, [
            f"{'.'.join(map(str, e['loc'])) or 'answer'}: {e['msg']}" for e in error.errors(include_url=False, include_input=False)[:20]
        ]
    return answer, problems(answer, facts, check_language=check_language)


def _provenance(
    function: AIFunction, answers: list[TextAnswer], prompt_id: str, version: str, started: float, repaired: bool, options: Options
) -> Provenance:
    def total(values: list[Any]) -> Any:
        return None if any(v is None for v in values) else sum(values)

    return Provenance(
        function.name,
        answers[-1].provider,
        answers[-1].model,
        prompt_id,
        version,
        total([a.tokens_in for a in answers]),
        total([a.tokens_out for a in answers]),
        total([a.cost_usd for a in answers]),
        round((time.monotonic() - started) * 1000),
        repaired,
        options.run_id,
        str(options.extra.get("op", "")),
    )

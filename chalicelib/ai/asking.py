"""How an AI function's questions are put to a model: ask, validate, repair once, and keep what it took."""

import time
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError

from chalicelib.ai.answers import problems
from chalicelib.ai.conversation import Conversation, Question, Reply
from chalicelib.ai.function import AIFunction, Form, Loaded, Objections, Options, Report
from chalicelib.ai.kept import Answered, KeptAnswers
from chalicelib.ai.plain_text import plain
from chalicelib.ai.prompts import SYSTEM, prompt_for
from chalicelib.ai.providers import image_model, text_model
from chalicelib.ai.tight_forms import tight_form
from chalicelib.core.context import Context
from chalicelib.core.errors import AppError, InvalidAnswer
from chalicelib.core.ids import stamp
from chalicelib.core.observability import logger
from chalicelib.ports import Repair, TextAnswer, TextModel, TextRequest
from chalicelib.system.origin import Origin
from chalicelib.system.provider_choice import provider_for

REPAIRS = 1
PROBLEM_MAX = 600  # characters of what was wrong, as the model is told
LEAST_CALL_SECONDS, LONGEST_CALL_SECONDS, TOKENS_PER_SECOND = 120.0, 400.0, 70


def ask(ctx: Context, function: AIFunction, loaded: Loaded, options: Options, report: Report, talk: Conversation) -> tuple[Any, Origin]:
    """The answer to all of the function's questions, and where it comes from. talk: is told everything that is asked and answered, also
    when this raises. Raises: InvalidAnswer, UpstreamUnavailable, UpstreamRejected."""
    started = time.monotonic()
    if not loaded.ask:
        choice = provider_for(ctx, "embedding").named
        return None, _provenance(ctx, talk, options, started, Reply(choice.provider, choice.model))
    if function.schema is None:
        return _drawn(ctx, loaded, options, started, talk)
    model = text_model(ctx, function)
    answers: list[Any] = []
    repaired = False
    kept = KeptAnswers(ctx, str(options.extra.get("op", "")), model.provider)
    while (facts := function.question(loaded.facts, answers)) is not None:
        form = function.form(facts) if function.form else Form(function.schema)
        prompt, prompt_id, version = prompt_for(ctx, function.name, facts, form.part)
        tokens = function.output_tokens(facts)
        request = TextRequest(
            function.name,
            SYSTEM,
            prompt,
            form.schema,
            facts,
            max_output_tokens=tokens,
            timeout_seconds=_seconds(tokens),
            tight=partial(tight_form, form.schema, facts),
        )
        question = talk.asks(request, prompt_id, version)
        if form.part or form.kept:
            share = 30 + round(50 * form.progress)
            report("AI_CALL", share, form.said)
            found = kept.find(request)
            if found is None:
                found = kept.keep(request, _answered(function, model, request, question, _at(report, share, form.said), loaded.objections))
            else:
                _remember(question, found)
        else:
            found = _answered(function, model, request, question, report, loaded.objections)
        answer, _, again = found
        answers.append(answer)
        repaired = repaired or again
    whole = function.joined(answers)
    if function.form and len(answers) > 1 and (wrong := problems(whole, loaded.facts, check_language=False, tolerant=True)):
        kept.forget()  # or the next try would fail the same way
        raise InvalidAnswer(f"The parts of this {function.item} make no whole: {'; '.join(wrong)[:600]}")
    return whole, _provenance(ctx, talk, options, started, talk.replies()[-1], repaired=repaired)


def _drawn(ctx: Context, loaded: Loaded, options: Options, started: float, talk: Conversation) -> tuple[Any, Origin]:
    assert loaded.image is not None, talk.function
    model = image_model(ctx)
    question = talk.draws(loaded.image, *loaded.prompt)
    try:
        drawn = model.draw(loaded.image)
    except AppError as error:
        question.failed(model.provider, model.model, error.message, _since(started))
        raise
    question.heard(drawn, _since(started))
    return drawn, _provenance(ctx, talk, options, started, talk.replies()[-1])


def _at(report: Report, share: int, said: str) -> Report:
    """Of one of several questions the phases are shown, but how much is done only when the next one begins."""

    def show(phase: str, percentage: int, message: str = "") -> None:
        report(phase, share, message or said)

    return show


def _remember(question: Question, found: Answered) -> None:
    """Note a question that an earlier try of the work had answered."""
    answer, replies, _ = found
    question.kept = True
    for reply in replies:
        question.heard(replace(reply, text=answer.model_dump_json() if reply is replies[-1] else ""), None)


def _since(started: float) -> int:
    """Milliseconds."""
    return round((time.monotonic() - started) * 1000)


def _seconds(tokens: int) -> float:
    """How long a call for so many tokens may take: what a slow model needs, as long as two calls fit into a worker's 15 minutes."""
    return min(LONGEST_CALL_SECONDS, max(LEAST_CALL_SECONDS, tokens / TOKENS_PER_SECOND))


def _answered(
    function: AIFunction, model: TextModel, request: TextRequest, question: Question, report: Report, objections: Objections | None
) -> Answered:
    """The valid answer to one question, the replies it took, and whether it was repaired. Raises: InvalidAnswer."""
    replies: list[TextAnswer] = []
    usable: BaseModel | None = None  # the last answer that could be stored as it is, though it was not what was asked for
    for attempt in range(REPAIRS + 1):
        started = time.monotonic()
        try:
            reply = model.complete(request)
        except InvalidAnswer as error:  # refused, cut off or no JSON: the adapter hands over what came and what it took
            reply, parsed, found = _refused(error, model), None, [error.message]
        except AppError as error:
            question.failed(model.provider, model.model, error.message, _since(started))
            if attempt and error.extra.get("reason") == "too_long":  # with the first answer in it: that is what was wrong
                break
            raise
        else:
            report("PARSE", 60 + 10 * attempt)
            parsed, found = _parsed(request, reply)
            if parsed is not None and not found and objections and attempt < REPAIRS and reply.provider != "offline":
                found = objections(parsed)
            if parsed is not None and found and not _problems(parsed, request, reply, tolerant=True):
                usable = parsed
        replies.append(reply)
        question.heard(reply, _since(started), found)
        if parsed is not None and not found:
            return parsed, replies, attempt > 0
        if attempt < REPAIRS:
            logger().info("asking for a repair", extra={"ai_function": function.name, "problems": len(found)})
            shown = [plain(problem, PROBLEM_MAX) for problem in found[:20]]  # they quote what tenants and the model wrote
            request = replace(request, repair=Repair(reply.text[:20_000], shown))
    if usable is not None:
        return usable, replies, True
    raise InvalidAnswer(f"The model's answer for this {function.item} could not be used: {'; '.join(found)[:600]}")


def _refused(error: InvalidAnswer, model: TextModel) -> TextAnswer:
    """What is known of a reply that the adapter refused: its text, and what it took all the same."""
    told = error.extra
    return TextAnswer(
        str(told.get("answer", "")),
        str(told.get("model") or model.model),
        str(told.get("provider") or model.provider),
        told.get("tokens_in"),
        told.get("tokens_out"),
        told.get("cost_usd"),
    )


def _parsed(request: TextRequest, reply: TextAnswer) -> tuple[BaseModel | None, list[str]]:
    try:
        answer = request.schema.model_validate_json(reply.text)
    except ValidationError as error:
        return None, [
            f"{'.'.join(map(str, e['loc'])) or 'answer'}: {e['msg']}" for e in error.errors(include_url=False, include_input=False)[:20]
        ]
    return answer, _problems(answer, request, reply)


def _problems(answer: BaseModel, request: TextRequest, reply: TextAnswer, *, tolerant: bool = False) -> list[str]:
    return problems(answer, request.facts, check_language=reply.provider != "offline", tolerant=tolerant)


def _provenance(ctx: Context, talk: Conversation, options: Options, started: float, last: Reply, *, repaired: bool = False) -> Origin:
    """last: the reply that was used, which tells who really answered."""
    asked = talk.questions[-1] if talk.questions else Question("", "", "")
    return Origin(
        function=talk.function,
        provider=last.provider,
        model=last.model,
        prompt_id=asked.prompt_id,
        prompt_version=asked.prompt_version,
        **talk.took(),
        duration_ms=_since(started),
        repaired=repaired,
        run_id=options.run_id,
        op=str(options.extra.get("op", "")),
        at=stamp(ctx.deps.clock.now()),
    )

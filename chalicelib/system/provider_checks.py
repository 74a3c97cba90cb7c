"""Tries an account's AI providers: a question to the text model, a picture of the image model. Nothing but the picture is kept."""

import time
from typing import Any

from pydantic import BaseModel

from chalicelib.billing.credits import ledger_of
from chalicelib.core.context import Context, ProviderChoice
from chalicelib.core.errors import AppError
from chalicelib.core.ids import ulid
from chalicelib.ports import ImageRequest, TextModel, TextRequest
from chalicelib.system.circuits import Circuits
from chalicelib.system.provider_choice import price_for, provider_for
from chalicelib.system.provider_status import look_up_dates, warnings_of
from chalicelib.system.settings import Settings
from chalicelib.writer.pictures import drawn_picture

TIMEOUT_SECONDS = 18.0  # API Gateway waits 29, and the list of models is asked for too
SIZE_PX = 512
URL_SECONDS = 3600


class Greeting(BaseModel):
    """What a text model is asked for: one word, to see that it answers in the form asked for."""

    word: str


def try_provider(ctx: Context, integration_type: str) -> dict[str, Any]:
    """{ok, message, provider, model, milliseconds, warnings}. A provider that refuses is an answer, not an error. It is asked whatever
    its circuit says; when it does what it is asked, the account's circuits are closed. Raises: NotFound."""
    ctx = ctx.remembering()
    settings = Settings(ctx)
    saved = settings.of(integration_type)
    if integration_type == "image_generation":
        provider = provider_for(ctx, "image")
        if saved.provider and not provider.own_key:
            return _said(False, f"There is no active key of {saved.provider}; the platform's provider draws.", provider.named, 0)
        if not provider.own_key and provider.named.provider != "offline":  # each picture costs the platform money
            return _said(True, "The platform's provider draws; there is nothing of your own to try.", provider.named, 0)
        return _draw(ctx, provider.choice)
    if saved.api_key_sealed is None:
        return _said(False, "There is no API key of your own yet.", ProviderChoice(integration_type, saved.model), 0)
    choice = settings.choice(saved)
    if integration_type != "openai":
        return _draw(ctx, choice)
    said = _ask(ctx, choice)
    if said["ok"]:
        look_up_dates(ctx, fresh=True)
    return {**said, "warnings": warnings_of(ctx)}


def _ask(ctx: Context, choice: ProviderChoice) -> dict[str, Any]:
    request = TextRequest(
        function="test_connection",
        system="Answer only with JSON that fits the given schema.",
        prompt='Answer with the JSON object {"word": "hello"}.',
        schema=Greeting,
        max_output_tokens=1_000,
        timeout_seconds=TIMEOUT_SECONDS,
    )
    started = time.monotonic()
    try:
        model: TextModel = ctx.deps.text(choice)
        answer = model.complete(request)
        Greeting.model_validate_json(answer.text)
    except AppError as error:
        return _said(False, error.message, choice, started)
    except ValueError:
        return _said(False, "It answers, but not in the form that was asked for: the model does not obey a JSON schema.", choice, started)
    Circuits(ctx.deps.ops, ctx.deps.clock).reset(ctx.tenant)
    return _said(True, "It answers as it should.", ProviderChoice(choice.provider, answer.model), started)


def _draw(ctx: Context, choice: ProviderChoice) -> dict[str, Any]:
    started = time.monotonic()
    try:
        answer = ctx.deps.image(choice).draw(_request("A plain grey square."))
    except AppError as error:
        return _said(False, error.message, choice, started)
    Circuits(ctx.deps.ops, ctx.deps.clock).reset(ctx.tenant)
    return _said(True, f"It draws ({answer.mime}).", ProviderChoice(choice.provider, answer.model), started)


def _request(prompt: str) -> ImageRequest:
    return ImageRequest(prompt, SIZE_PX, SIZE_PX, title="Test", timeout_seconds=TIMEOUT_SECONDS)


def _said(ok: bool, message: str, choice: ProviderChoice, started: float) -> dict[str, Any]:
    took = round((time.monotonic() - started) * 1000) if started else 0
    return {"ok": ok, "message": message, "provider": choice.provider, "model": choice.model, "milliseconds": took, "warnings": []}


def draw_test_image(ctx: Context, prompt: str) -> dict[str, Any]:
    """Draw a picture with the account's image provider, at the price of one, and answer where it is for an hour.

    Raises: OutOfCredits, UpstreamUnavailable, UpstreamRejected.
    """
    ctx = ctx.remembering()
    provider, rule = provider_for(ctx, "image"), price_for(ctx, "image")
    ledger = ledger_of(ctx)
    op = f"test-image.{ulid(ctx.deps.clock.now())}"
    ledger.reserve(op, rule.charge(1), details={"operation_type": "image", "function": "test_image"}, price=rule)
    try:
        answer = ctx.deps.image(provider.choice).draw(_request(prompt))
        # what a provider calls a picture may be a page with a script, and would be shown under our address
        picture = drawn_picture(answer.data, (SIZE_PX, SIZE_PX))
        path = f"{ctx.tenant}/tests/{op}.{picture.suffix}"
        ctx.deps.files.put(path, picture.data, picture.mime)
    except Exception as error:
        ledger.void(op, type(error).__name__)
        raise
    usage = {"provider": answer.provider, "model": answer.model, "cost_usd": answer.cost_usd, "own_key": provider.own_key}
    ledger.commit(op, rule.charge(1), result={"path": path}, usage=usage)
    url = ctx.deps.files.url(path, URL_SECONDS)
    return {"url": url, "mime": picture.mime, "provider": answer.provider, "model": answer.model, "credits": rule.charge(1)}

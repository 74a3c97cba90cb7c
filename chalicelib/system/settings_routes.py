"""HTTP of an account's own AI providers."""

from typing import Any

from pydantic import BaseModel, Field

from chalicelib.core.bulk import Body
from chalicelib.core.errors import NotFound, OutOfCredits, PreconditionFailed, UpstreamUnavailable, ValidationFailed
from chalicelib.core.resource import version_wanted
from chalicelib.core.routing import Answer, Call, Router
from chalicelib.system.answers import ProviderSettings, ProviderStatus
from chalicelib.system.provider_checks import draw_test_image, try_provider
from chalicelib.system.provider_status import status
from chalicelib.system.settings import TYPES, Settings, SettingsBody

router = Router("system", tag="System", throttle="system")
_ITEM = "settings/integrations/{id}"


class Tried(BaseModel):
    """ok: the provider did what it was asked; message: what it said, for a person; warnings: of chosen models that end."""

    ok: bool
    message: str
    provider: str
    model: str
    milliseconds: int
    warnings: list[str]


class Drawn(BaseModel):
    """url: of the picture, for an hour. credits: what it took."""

    url: str
    mime: str
    provider: str
    model: str
    credits: int


@router.get("settings/integrations", role="admin", summary="AI providers of the account", answer=list[ProviderSettings])
def read_all(call: Call) -> Any:
    settings = Settings(call.ctx)
    return settings.present([settings.of(name) for name in TYPES])


@router.get(_ITEM, role="admin", summary="One provider's settings", answer=ProviderSettings, errors=(NotFound,))
def read(call: Call) -> Answer:
    """id: openai, runware or image_generation."""
    settings = Settings(call.ctx)
    found = settings.of(call.id)
    return Answer(settings.present([found])[0], headers={"ETag": f'"{found.version}"'})


@router.get("settings/providers", role="admin", summary="Who does which AI work", answer=list[ProviderStatus])
def providers(call: Call) -> Any:
    """A row for each AI function, and one for the embeddings that clustering uses."""
    return status(call.ctx)


def _save(call: Call) -> Answer:
    settings = Settings(call.ctx)
    saved = settings.save(call.id, call.body, if_match=version_wanted(call))
    return Answer(settings.present([saved])[0], headers={"ETag": f'"{saved.version}"'})


_SAVING: dict[str, Any] = {
    "role": "admin",
    "body_schema": SettingsBody,
    "answer": ProviderSettings,
    "errors": (NotFound, ValidationFailed, PreconditionFailed),
}
router.put(_ITEM, summary="Save a provider's settings", **_SAVING)(_save)
router.post(_ITEM, summary="Save a provider's settings (older name)", **_SAVING)(_save)


@router.post(f"{_ITEM}/test_connection", role="admin", summary="Try a provider", answer=Tried, errors=(NotFound,))
def test_connection(call: Call) -> Any:
    return try_provider(call.ctx, call.id)


@router.post(f"{_ITEM}/test_openai", role="admin", summary="Try the OpenAI key", answer=Tried, errors=(NotFound,))
def test_openai(call: Call) -> Any:
    Settings(call.ctx).of(call.id)
    return try_provider(call.ctx, "openai")


@router.post(f"{_ITEM}/test_runware", role="admin", summary="Try the Runware key", answer=Tried, errors=(NotFound,))
def test_runware(call: Call) -> Any:
    Settings(call.ctx).of(call.id)
    return try_provider(call.ctx, "runware")


class TestImage(Body):
    prompt: str = Field("A cup of coffee on a wooden table, morning light.", min_length=1, max_length=2000)


@router.post(
    f"{_ITEM}/generate_image",
    role="admin",
    summary="Draw a test image",
    body=TestImage,
    answer=Drawn,
    throttle="images",
    errors=(NotFound, OutOfCredits, UpstreamUnavailable),
)
def generate_image(call: Call) -> Any:
    """By the account's image provider, at the price of an image."""
    Settings(call.ctx).of(call.id)
    return draw_test_image(call.ctx, call.body.prompt)

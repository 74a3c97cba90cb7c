"""Draw images with Runware: one POST of an array of tasks, the picture in the answer as base64."""

import base64
import binascii
import json
import re
import uuid
from typing import Any

from chalicelib.adapters.openai_client import Patience
from chalicelib.adapters.openai_images import image_type
from chalicelib.adapters.safe_http import HttpAnswer, SafeHttp, Transport, retry_after_seconds
from chalicelib.core.errors import InvalidAnswer, Moderated, UpstreamRejected, UpstreamUnavailable
from chalicelib.ports import ImageAnswer, ImageRequest

BASE_URL = "https://api.runware.ai/v1"
DEFAULT_MODEL = "runware:100@1"
MAX_BYTES = 30_000_000
# Source: Runware API reference, image inference: width and height are multiples of 64 from 128 to 2048.
STEP_PX, LEAST_PX, MOST_PX = 64, 128, 2048
MAX_PROMPT_CHARACTERS = 3_000
# Runware hands through the codes of many providers and says that their forms vary (API reference, errors).
MODERATION_CODE = re.compile(r"moderat|nsfw|safety", re.IGNORECASE)


class RunwareImageModel:
    """`ports.ImageModel` on Runware's image inference. http: `SafeHttp` unless given."""

    provider = "runware"

    def __init__(
        self, api_key: str, model: str = "", *, url: str = BASE_URL, http: Transport | None = None, patience: Patience | None = None
    ) -> None:
        self.model = model or DEFAULT_MODEL
        self._key, self._url = api_key.strip(), url
        self._http = http or SafeHttp(max_bytes=MAX_BYTES)
        self._patience = patience or Patience()

    def draw(self, request: ImageRequest) -> ImageAnswer:
        """See `ports.ImageModel.draw`. Edges are brought to the nearest multiple of 64 that Runware draws."""
        if not self._key or not self._key.isascii() or not self._key.isprintable():
            raise UpstreamRejected("The API key is empty or has characters that no key has.")
        return self._patience.call(lambda seconds: self._ask(request, seconds), request.timeout_seconds)

    def _ask(self, request: ImageRequest, seconds: float) -> ImageAnswer:
        task = {
            "taskType": "imageInference",
            "taskUUID": str(uuid.uuid4()),
            "model": self.model,
            "positivePrompt": request.prompt[:MAX_PROMPT_CHARACTERS],
            "width": edge_px(request.width_px),
            "height": edge_px(request.height_px),
            "numberResults": 1,
            "outputType": "base64Data",
            "outputFormat": "JPG",
            "includeCost": True,
            "checkNSFW": True,
        }
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json", "Accept": "application/json"}
        answer = self._http.request("POST", self._url, headers=headers, body=json.dumps([task]).encode(), timeout_seconds=max(0.1, seconds))
        body = _json(answer)
        if error := _first(body.get("errors")):
            raise self._refused(answer, error)
        if answer.status >= 400:
            raise self._refused(answer, {})
        found = _first(body.get("data"))
        if not found:
            raise InvalidAnswer("Runware answers without an image.")
        if found.get("NSFWContent"):
            raise Moderated("Runware marks the picture as unsafe; change the prompt.")
        return self._read(found)

    def _read(self, found: dict[str, Any]) -> ImageAnswer:
        try:
            data = base64.b64decode(found.get("imageBase64Data") or "", validate=True)
        except (binascii.Error, ValueError, TypeError) as error:
            raise InvalidAnswer("The image that came is damaged.") from error
        mime = image_type(data)
        if mime is None:
            raise InvalidAnswer("What came is not an image.")
        cost = found.get("cost")
        known = isinstance(cost, int | float) and not isinstance(cost, bool)
        return ImageAnswer(data, mime, self.model, self.provider, float(cost) if known and cost is not None else None)

    def _refused(self, answer: HttpAnswer, error: dict[str, Any]) -> Exception:
        """One of our errors for what Runware says, never with the key in it."""
        said = str(error.get("message") or f"status {answer.status}").replace(self._key, "…")[:300]
        if answer.status == 429 or answer.status >= 500:
            return UpstreamUnavailable(f"Runware is not available: {said}", retry_after_seconds=retry_after_seconds(answer.headers))
        refusal = Moderated if MODERATION_CODE.search(str(error.get("code") or "")) else UpstreamRejected
        return refusal(f"Runware refuses: {said}")


def edge_px(wanted: int) -> int:
    """The nearest edge that Runware draws."""
    return min(MOST_PX, max(LEAST_PX, round(wanted / STEP_PX) * STEP_PX))


def _json(answer: HttpAnswer) -> dict[str, Any]:
    """Raises: UpstreamUnavailable (an overloaded gateway speaks HTML), InvalidAnswer."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    if answer.status == 429 or answer.status >= 500:
        raise UpstreamUnavailable(
            f"Runware is not available: status {answer.status}", retry_after_seconds=retry_after_seconds(answer.headers)
        )
    raise InvalidAnswer("Runware answers with something that is not JSON.")


def _first(found: Any) -> dict[str, Any]:
    return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}

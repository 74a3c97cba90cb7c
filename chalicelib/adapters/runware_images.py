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
# Runware hands through the codes of many providers and says that their forms vary (API reference, errors). Source of the kinds: what
# Runware's own client library tells apart.
MODERATION_CODE = re.compile(r"moderat|nsfw|safety|content.?policy|sensitive|unsafe|(prompt|image).?blocked", re.IGNORECASE)
BUSY_CODE = re.compile(
    r"(?!invalid|missing|unsupported).*(timeout|rate.?limit|too.?many|unavailable|overload|internal|server.?error|inference.?error"
    r"|no.?available|not.?ready|processing.?failed|task.?failed|(down|up)load.?failed|(standard|unknown).?error)", re.I
)  # fmt: skip
QUOTA_CODE = re.compile(r"insufficient.?(credit|balance|fund|quota)|credits|balance|quota|payment|billing", re.IGNORECASE)
KEY_CODE = re.compile(r"api.?key|unauthori[sz]ed|authentication", re.IGNORECASE)
MODEL_CODE = re.compile(r"(invalid|unknown|unsupported)?model(id|identifier)?(notfound|removed|deprecated)?", re.IGNORECASE)


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
        name = str(uuid.uuid4())
        task = {
            "taskType": "imageInference",
            "taskUUID": name,
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
        found = _of(body.get("data"), name)
        if found is None or answer.status >= 300:
            raise self._refused(answer, _of(body.get("errors"), name))
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

    def _refused(self, answer: HttpAnswer, found: dict[str, Any] | None) -> Exception:
        """One of our errors for what Runware says, never with the key in it. `reason`: as of the OpenAI adapters (docs/providers.md)."""
        status, error = answer.status, found or {}
        if found is None and status < 300:
            return InvalidAnswer("Runware answers without an image.")
        said = str(error.get("message") or f"status {status}").replace(self._key, "…")[:300]
        code = str(error.get("code") or "")
        if MODERATION_CODE.search(code):
            return Moderated(f"Runware refuses: {said}")
        if status == 401 or KEY_CODE.search(code):
            return UpstreamRejected("Runware does not accept the API key.", reason="key_refused")
        if status == 402 or QUOTA_CODE.search(code):
            return UpstreamRejected(f"The Runware account has no credit left: top it up. {said}", reason="no_quota")
        if status in (408, 409, 425, 429) or status >= 500 or BUSY_CODE.match(code):
            return UpstreamUnavailable(f"Runware is not available: {said}", retry_after_seconds=retry_after_seconds(answer.headers))
        if status == 403:
            return UpstreamRejected(f"Runware does not allow this: {said}", reason="not_allowed")
        if MODEL_CODE.fullmatch(code.replace("_", "")) or (status == 404 and error.get("parameter") == "model"):
            return UpstreamRejected(f"Runware has no model {self.model} (any more). {said}", reason="model_gone")
        return UpstreamRejected(f"Runware refuses: {said}")


def edge_px(wanted: int) -> int:
    """The nearest edge that Runware draws."""
    return min(MOST_PX, max(LEAST_PX, round(wanted / STEP_PX) * STEP_PX))


def _json(answer: HttpAnswer) -> dict[str, Any]:
    """Raises: InvalidAnswer. A gateway's error or redirection is HTML or nothing: its status says all there is."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    if answer.status >= 300:
        return {}
    raise InvalidAnswer("Runware answers with something that is not JSON.")


def _of(found: Any, task: str) -> dict[str, Any] | None:
    """The first entry that belongs to the task; one that names no task is taken for ours, as we send one at a time.

    An answer may hold pictures and errors at once, each of its own task: neither hides the other.
    """
    entries = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return next((one for one in entries if one.get("taskUUID", task) == task), None)

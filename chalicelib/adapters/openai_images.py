"""Draw images with OpenAI's image models, which answer with base64 only."""

import base64
import binascii
import json
import math
from typing import Any

from chalicelib.adapters.openai_client import OpenAIConnection, Patience
from chalicelib.adapters.safe_http import Transport
from chalicelib.core.errors import InvalidAnswer
from chalicelib.ports import ImageAnswer, ImageRequest

# Source: OpenAI API reference, images, parameter `size` (openai 3.51).
STEP_PX = 16
LONGEST_PX = 3840
MOST_PIXELS = 3840 * 2160
LEAST_PIXELS = 655_360
WIDEST_RATIO = 3.0
FIXED_SIZES = ((1024, 1024), (1536, 1024), (1024, 1536))


class OpenAIImageModel:
    """`ports.ImageModel` on OpenAI's images. output_format: jpeg, png or webp; jpeg is what every site takes."""

    provider = "openai"

    def __init__(
        self,
        api_key: str,
        model: str,
        base_url: str | None = None,
        *,
        output_format: str = "jpeg",
        quality: str = "auto",
        http: Transport | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.model = model
        self._connection = OpenAIConnection(api_key, base_url, http)
        self._format, self._quality = output_format, quality
        self._patience = patience or Patience()

    def draw(self, request: ImageRequest) -> ImageAnswer:
        """See `ports.ImageModel.draw`. The image may be larger than asked for: the model knows certain sizes only."""
        return self._patience.call(lambda seconds: self._ask(request, seconds), request.timeout_seconds)

    def _ask(self, request: ImageRequest, seconds: float) -> ImageAnswer:
        import openai

        width, height = size_px(self.model, request.width_px, request.height_px)
        parameters: dict[str, Any] = {"output_format": self._format, "quality": self._quality, "size": f"{width}x{height}", "n": 1}
        try:
            raw: Any = self._connection.client().images.with_raw_response.generate(
                model=self.model, prompt=request.prompt, timeout=max(0.1, seconds), **parameters
            )
        except openai.APIError as error:
            raise self._connection.translated(error, self.model) from None  # its own text may repeat the key
        try:
            body = json.loads(raw.text)
        except ValueError as error:
            raise InvalidAnswer("The image server answers with something that is not JSON: is the base URL right?") from error
        return self._read(body)

    def _read(self, body: Any) -> ImageAnswer:
        if isinstance(body, dict) and isinstance(body.get("error"), dict):  # with status 200, as some routers send it
            raise self._connection.of_error_object(body["error"], self.model)
        found = body.get("data") if isinstance(body, dict) else None
        if not isinstance(found, list) or not found or not isinstance(found[0], dict):
            raise InvalidAnswer("The image server answers without an image.")
        try:
            data = base64.b64decode(found[0].get("b64_json") or "", validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidAnswer("The image that came is damaged.") from error
        mime = image_type(data)
        if mime is None:
            raise InvalidAnswer("What came is not an image.")
        return ImageAnswer(data, mime, self.model, self.provider, self._cost(body.get("usage") or {}))

    def _cost(self, usage: dict[str, Any]) -> float | None:
        tokens_in, tokens_out = usage.get("input_tokens"), usage.get("output_tokens")
        if not isinstance(tokens_in, int) or not isinstance(tokens_out, int):
            return None
        tokens = {"input_tokens": tokens_in, "output_tokens": tokens_out}
        if pictures := (usage.get("input_tokens_details") or {}).get("image_tokens"):
            tokens["input_image_tokens"] = pictures
        return self._connection.price_usd(self.model, **tokens)


def size_px(model: str, width: int, height: int) -> tuple[int, int]:
    """The size to ask for: the wanted one where the model draws any, else the nearest it has.

    Edges are multiples of 16, sides at most 3:1, pixels within the model's limits.
    """
    if model.startswith("gpt-image-1"):
        return min(FIXED_SIZES, key=lambda size: abs(math.log(size[0] / size[1]) - math.log(width / height)))
    ratio = min(max(width / height, 1 / WIDEST_RATIO), WIDEST_RATIO)
    pixels = min(max(width * height, LEAST_PIXELS), MOST_PIXELS)
    wide = min(math.sqrt(pixels * ratio), LONGEST_PX, LONGEST_PX * ratio)
    # Rounding up keeps the least size; the largest is a multiple of the step already.
    snapped = [max(STEP_PX, math.ceil(edge / STEP_PX - 1e-9) * STEP_PX) for edge in (wide, wide / ratio)]
    while snapped[0] * snapped[1] > MOST_PIXELS or max(snapped) > WIDEST_RATIO * min(snapped):
        snapped[snapped.index(max(snapped))] -= STEP_PX
    return snapped[0], snapped[1]


def image_type(data: bytes) -> str | None:
    """The MIME type that the first bytes tell; None when they are of no image we publish."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None

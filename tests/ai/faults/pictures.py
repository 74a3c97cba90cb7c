"""Answers of image models and embedders that cannot be used."""

import base64
import struct
import zlib
from collections.abc import Callable
from typing import Any

from chalicelib.core.errors import AppError, InvalidAnswer, Moderated, UpstreamRejected
from tests.adapters.scripted_server import Asked, Reply, api_error, json_reply
from tests.ai.faults.catalogue import Case
from tests.ai.faults.wire import IMAGES, RUNWARE, Fault, changed, picture
from tests.ai.faults.works import EMBED, PICTURE, RUNWARE_PICTURE, Work


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _png(width: int, height: int) -> bytes:
    """A PNG that claims this size and has no pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + head
        + struct.pack(">I", zlib.crc32(head))
        + struct.pack(">I", 0)
        + b"IDAT"
        + b"\0" * 4
    )


def _openai(data: list[Any]) -> Reply:
    return json_reply({"created": 1, "data": data})


def _with(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Fault:
    """Runware's good answer with a changed result."""
    return lambda asked, good: changed(good, lambda body: {"data": [change(one) for one in body["data"]]})


WHOLE = base64.b64decode(picture(1024, 576))
# What comes in place of a picture, for both providers.
BASE64: list[tuple[str, str, str]] = [
    ("base64 garbage", "%%%not base64%%%", "damaged"),
    ("empty picture", "", "not an image|without an image"),
    ("an SVG", _base64(b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>"), "not an image"),
    ("HTML as a picture", _base64(b"<html>Sorry</html>"), "not an image"),
    ("a GIF", _base64(b"GIF89a" + b"\0" * 40), "not an image"),
    ("first bytes of a JPEG only", _base64(b"\xff\xd8\xff\xe0" + b"0" * 60), "cannot be used"),
    ("picture cut in half", _base64(WHOLE[: len(WHOLE) // 2]), "cannot be used"),
    ("decompression bomb", _base64(_png(60_000, 60_000)), "cannot be used"),
]
UNUSABLE = InvalidAnswer
# One picture's refusal, by endpoint.
REFUSED: dict[str, Fault] = {
    IMAGES: api_error(400, "moderation_blocked", "Your request was rejected by the safety system."),
    RUNWARE: lambda asked, good: json_reply(
        {"data": [], "errors": [{"code": "contentPolicyViolation", "message": "Flagged.", "taskUUID": asked.json()[0]["taskUUID"]}]}, 400
    ),
}


def _case(name: str, work: Work, fault: Fault, error: type[AppError], says: str) -> Case:
    return Case(name, fault, error, says, works=(work,))


PICTURES: list[Case] = [
    *[_case(name, PICTURE, _openai([{"b64_json": text}]), UNUSABLE, says) for name, text, says in BASE64],
    *[
        _case(name, RUNWARE_PICTURE, _with(lambda one, text=text: {**one, "imageBase64Data": text}), UNUSABLE, says)
        for name, text, says in BASE64
    ],  # type: ignore[misc]
    _case("no images", PICTURE, _openai([]), UNUSABLE, "without an image"),
    _case("data is null", PICTURE, json_reply({"created": 1, "data": None}), UNUSABLE, "without an image"),
    _case("an address instead", PICTURE, _openai([{"url": "https://pictures.test/1.png"}]), UNUSABLE, "not an image|without an image"),
    _case("no images", RUNWARE_PICTURE, json_reply({"data": []}), UNUSABLE, "without an image"),
    _case("data is null", RUNWARE_PICTURE, json_reply({"data": None, "errors": None}), UNUSABLE, "without an image"),
    _case(
        "an address instead",
        RUNWARE_PICTURE,
        _with(lambda one: {"taskUUID": one["taskUUID"], "imageURL": "https://im.runware.test/1.jpg"}),
        UNUSABLE,
        "not an image|without an image",
    ),
    _case("NSFW", RUNWARE_PICTURE, _with(lambda one: {**one, "NSFWContent": True}), Moderated, "unsafe"),
    _case("another task's picture", RUNWARE_PICTURE, _with(lambda one: {**one, "taskUUID": "another"}), UNUSABLE, "without an image"),
    _case(
        "error and no data",
        RUNWARE_PICTURE,
        json_reply({"data": [], "errors": [{"code": "invalidPositivePrompt", "message": "The prompt is too short."}]}),
        UpstreamRejected,
        "too short",
    ),
]


def _rows(change: Callable[[list[Any]], list[Any]]) -> Fault:
    """The good vectors, changed."""

    def spoil(asked: Asked, good: Reply) -> Reply:
        def body(answer: dict[str, Any]) -> dict[str, Any]:
            return {**answer, "data": [{**row, "embedding": e} for row, e in _paired(answer["data"], change)]}

        return changed(good, body)

    return spoil


def _paired(rows: list[dict[str, Any]], change: Callable[[list[Any]], list[Any]]) -> list[tuple[dict[str, Any], Any]]:
    return list(zip(rows, change([row["embedding"] for row in rows]), strict=False))


def _vectors(name: str, fault: Fault, says: str) -> Case:
    return _case(name, EMBED, fault, UNUSABLE, says)


VECTORS: list[Case] = [
    _vectors("too few vectors", _rows(lambda rows: rows[:-1]), "5 vectors for 6"),
    _vectors(
        "too many vectors",
        lambda asked, good: changed(good, lambda a: {**a, "data": [*a["data"], {**a["data"][0], "index": 6}]}),
        "7 vectors",
    ),
    _vectors(
        "one index twice", lambda asked, good: changed(good, lambda a: {**a, "data": [a["data"][0], *a["data"][:-1]]}), "vectors for 6"
    ),
    _vectors("no vectors", lambda asked, good: changed(good, lambda a: {**a, "data": []}), "0 vectors"),
    _vectors("different widths", _rows(lambda rows: [rows[0][:-1], *rows[1:]]), "widths"),
    _vectors("vectors of no width", _rows(lambda rows: [[] for _ in rows]), "empty"),
    _vectors("not numbers", _rows(lambda rows: [["a"] * len(row) for row in rows]), "not of numbers"),
    _vectors("NaN", _rows(lambda rows: [[float("nan"), *rows[0][1:]], *rows[1:]]), "not finite"),
    _vectors("infinite", _rows(lambda rows: [[float("inf"), *rows[0][1:]], *rows[1:]]), "not finite"),
    _vectors("base64 vectors", _rows(lambda rows: ["AACAPwAAAAA=" for _ in rows]), "not of numbers|widths|empty"),
]

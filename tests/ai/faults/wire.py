"""A provider on loopback that speaks OpenAI's wire and Runware's: it answers well, and at one endpoint as the test says."""

import base64
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from tests.adapters.scripted_server import Asked, Reply, api_error, json_reply
from tests.e2e.openai_writer import KEY as WRITERS_KEY
from tests.e2e.openai_writer import OpenAIWriter

CHAT, IMAGES, EMBEDDINGS, MODELS, RUNWARE = "chat", "images", "embeddings", "models", "runware"
PATHS = {
    "/v1/chat/completions": CHAT,
    "/v1/images/generations": IMAGES,
    "/v1/embeddings": EMBEDDINGS,
    "/v1/models": MODELS,
    "/runware": RUNWARE,
}
DIMENSIONS = 64
MAX_BYTES = 2_000_000  # of an answer, as the tests' client takes it
# What happens instead of a good answer: a reply, or a change of the good one.
Fault = Reply | Callable[[Asked, Reply], Reply]


@dataclass
class Wire:
    """Give it to `LoopbackServer`. `then(CHAT, fault, None)` says what becomes of the next requests there, one by one (None: a good
    answer); `always(CHAT, fault)` of all further ones. gone: models that do not exist. keys: what becomes of
    requests with a key. asked: every request, by endpoint. counted: tokens in and out of each chat completion."""

    asked: dict[str, list[Asked]] = field(default_factory=dict)
    queued: dict[str, list[Fault | None]] = field(default_factory=dict)
    standing: dict[str, Fault] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    keys: dict[str, Fault] = field(default_factory=dict)
    writer: OpenAIWriter = field(default_factory=OpenAIWriter)
    mistakes: list[Exception] = field(default_factory=list)
    counted: list[tuple[int, int]] = field(default_factory=list)

    def clear(self) -> None:
        self.__init__()  # type: ignore[misc]

    def then(self, endpoint: str, *faults: Fault | None) -> None:
        self.queued.setdefault(endpoint, []).extend(faults)

    def always(self, endpoint: str, fault: Fault) -> None:
        self.standing[endpoint] = fault

    def with_key(self, key: str, fault: Fault) -> None:
        """What becomes of every request that comes with this key, wherever it goes."""
        self.keys[key] = fault

    def heal(self) -> None:
        """Good answers from now on. Raises: AssertionError when a queued fault has not happened: a test that misses it is no test."""
        assert not any(self.queued.values()) and not self.mistakes, (self.queued, self.mistakes)
        self.standing.clear()
        self.keys.clear()
        self.gone.clear()

    def calls(self, endpoint: str = "") -> int:
        return len(self.asked.get(endpoint, ())) if endpoint else sum(len(found) for found in self.asked.values())

    def models_asked(self, endpoint: str) -> list[str]:
        """Names of the models that were asked for, in order."""
        bodies = [one.json() for one in self.asked.get(endpoint, ())]
        return [(body[0] if isinstance(body, list) else body)["model"] for body in bodies]

    def __call__(self, asked: Asked) -> Reply:
        try:
            reply = self._reply(asked)
            if PATHS.get(asked.path) == CHAT and reply.status == 200 and b'"usage"' in reply.body:
                usage = json.loads(reply.body)["usage"]
                self.counted.append((usage["prompt_tokens"], usage["completion_tokens"]))
            return reply
        except Exception as error:  # a mistake of the test's own, which the client would take for a cut connection
            self.mistakes.append(error)
            raise

    def _reply(self, asked: Asked) -> Reply:
        endpoint = PATHS.get(asked.path)
        if endpoint is None:
            return api_error(404, None, f"Invalid URL ({asked.method} {asked.path})")
        self.asked.setdefault(endpoint, []).append(asked)
        waiting = self.queued.get(endpoint)
        fault = waiting.pop(0) if waiting else self.standing.get(endpoint)
        fault = fault or self.keys.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if isinstance(fault, Reply):
            return fault
        good = self._good(endpoint, asked)
        return fault(asked, good) if fault is not None else good

    def _good(self, endpoint: str, asked: Asked) -> Reply:
        if endpoint == MODELS:
            return json_reply({"object": "list", "data": [{"id": "gpt-6-luna", "object": "model", "created": 1, "owned_by": "openai"}]})
        if endpoint == RUNWARE:
            return drawn_by_runware(asked.json())
        body = asked.json()
        if body["model"] in self.gone:
            return api_error(
                404, "model_not_found", f"The model `{body['model']}` does not exist or you do not have access to it.", "model"
            )
        if endpoint == EMBEDDINGS:
            return embedded(body)
        if endpoint == IMAGES:
            return drawn_by_openai(body)
        sent = json.dumps({**body, "model": "gpt-6-luna"}).encode()  # the writer knows one key and one model
        reply = self.writer(replace(asked, headers={**asked.headers, "authorization": f"Bearer {WRITERS_KEY}"}, body=sent))
        return changed(reply, lambda answer: answer | {"model": body["model"]})


def of_model(name: str, fault: Reply) -> Fault:
    """The fault for one model alone; others answer well."""

    def spoil(asked: Asked, good: Reply) -> Reply:
        return fault if asked.json()["model"] == name else good

    return spoil


def changed(reply: Reply, change: Callable[[Any], Any]) -> Reply:
    """A JSON reply with another body."""
    return replace(reply, body=json.dumps(change(json.loads(reply.body))).encode())


def said(change: Callable[[dict[str, Any]], Any], finish: str = "stop") -> Fault:
    """A chat completion whose content is changed. change: the good answer -> another answer, or a string that is sent as it is."""

    def spoil(asked: Asked, good: Reply) -> Reply:
        def body(answer: dict[str, Any]) -> dict[str, Any]:
            (choice,) = answer["choices"]
            found = change(json.loads(choice["message"]["content"]))
            choice["message"]["content"] = found if isinstance(found, str) or found is None else json.dumps(found, ensure_ascii=False)
            choice["finish_reason"] = finish
            return answer

        return changed(good, body)

    return spoil


def embedded(body: Mapping[str, Any]) -> Reply:
    """Vectors by first word: keywords that begin alike belong together."""
    rows = [{"object": "embedding", "index": at, "embedding": _vector(text)} for at, text in enumerate(body["input"])]
    usage = {"prompt_tokens": 5 * len(rows), "total_tokens": 5 * len(rows)}
    return json_reply({"object": "list", "data": rows, "model": body["model"], "usage": usage})


def _vector(text: str) -> list[float]:
    place = int(hashlib.sha256(text.split()[0].encode()).hexdigest(), 16) % DIMENSIONS
    return [1.0 if at == place else 0.0 for at in range(DIMENSIONS)]


def drawn_by_openai(body: Mapping[str, Any]) -> Reply:
    width, height = (int(edge) for edge in body["size"].split("x"))
    usage = {
        "input_tokens": 50,
        "output_tokens": 1000,
        "total_tokens": 1050,
        "input_tokens_details": {"text_tokens": 50, "image_tokens": 0},
    }
    return json_reply({"created": 1795000000, "data": [{"b64_json": picture(width, height)}], "usage": usage})


def drawn_by_runware(tasks: list[dict[str, Any]]) -> Reply:
    """One result for each task. Source: Runware API reference, image inference."""
    made = [
        {
            "taskType": task["taskType"],
            "taskUUID": task["taskUUID"],
            "imageUUID": f"image-of-{task['taskUUID']}",
            "imageBase64Data": picture(task["width"], task["height"]),
            "cost": 0.0013,
            "NSFWContent": False,
            "seed": 1,
        }
        for task in tasks
        for _ in range(task.get("numberResults", 1))
    ]
    return json_reply({"data": made})


@cache
def picture(width: int, height: int, kind: str = "JPEG") -> str:
    """A real picture of this size as base64."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (width, height), "#3f8fa8").save(out, kind)
    return base64.b64encode(out.getvalue()).decode()

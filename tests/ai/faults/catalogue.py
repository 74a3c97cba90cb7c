"""The faults of a provider's wire and what must become of each, for OpenAI's form and for Runware's.

Sources: OpenAI's guide to error codes (429s that are about money carry type `insufficient_quota`); Runware's pages on errors and rate
limits, and the codes that Runware's own client library tells apart.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from chalicelib.core.errors import AppError, InvalidAnswer, Moderated, UpstreamRejected, UpstreamUnavailable
from tests.adapters.scripted_server import Asked, Reply, api_error, html_reply, json_reply
from tests.ai.faults.wire import MAX_BYTES, Fault
from tests.ai.faults.works import CONTENT, EMBED, PICTURE, RUNWARE_PICTURE, TEXT, Work

ATTEMPTS = 4  # of one policy, `openai_client.Patience`
LEAST_SECONDS = 0.1  # the least time an adapter gives a request
JSON = {"Content-Type": "application/json"}
GARBAGE = b"\x1f\x8b\x08\x00 this is no gzip"
LONG_SECONDS = 3_600


@dataclass(frozen=True)
class Case:
    """name: of the fault; works: what it happens to; error, says: what the caller is told; calls: requests until it is given up, of one
    question. waits: between the requests, None when they are ours to choose; later: seconds after which to try again, as the error says.
    """

    name: str
    fault: Fault
    error: type[AppError]
    says: str
    calls: int = 1
    works: tuple[Work, ...] = (*TEXT, EMBED, PICTURE)
    patience_seconds: float | None = None
    waits: tuple[float, ...] | None = None
    later: float | None = None


def _date(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def _limit(**headers: str) -> Reply:
    return api_error(429, "rate_limit_exceeded", "Rate limit reached for requests", **headers)


def _limit_until(asked: Asked, good: Reply) -> Reply:
    return _limit(retry_after=_date(LONG_SECONDS))


def _quota(code: str) -> Reply:
    said = "You exceeded your current quota, please check your plan and billing details."
    return json_reply({"error": {"message": said, "type": "insufficient_quota", "param": None, "code": code}}, 429)


REJECTED, BUSY, UNUSABLE = UpstreamRejected, UpstreamUnavailable, InvalidAnswer
LATE = f"did not answer within {LEAST_SECONDS}"
BAD_GATEWAY = html_reply("<html><h1>502 Bad Gateway</h1></html>", 502)
KEY_WORDS = "Incorrect API key provided: sk-bench-****. You can find your API key at your account page."

OPENAI: list[Case] = [
    Case("401 key", api_error(401, "invalid_api_key", KEY_WORDS), REJECTED, "does not accept the API key"),
    Case("403 region", api_error(403, "unsupported_country_region_territory", "Country not supported"), REJECTED, "may not use the model"),
    Case("404 model", api_error(404, "model_not_found", "The model does not exist"), REJECTED, "has no model"),
    Case("400 parameter", api_error(400, "invalid_value", "Invalid value: 'x'"), REJECTED, r"refuses the request \(400\)"),
    Case(
        "400 context length",
        api_error(400, "context_length_exceeded", "This model's maximum context length is 8192 tokens."),
        REJECTED,
        "longer than the model",
        works=(*TEXT, EMBED),
    ),
    Case(
        "400 moderation",
        api_error(400, "content_policy_violation", "Your request was rejected"),
        Moderated,
        "moderation",
        works=TEXT,
    ),
    Case(
        "400 moderation",
        json_reply(
            {
                "error": {
                    "message": "Your request was rejected by the safety system.",
                    "type": "image_generation_user_error",
                    "param": None,
                    "code": "moderation_blocked",
                }
            },
            400,
        ),
        Moderated,
        "moderation",
        works=(PICTURE,),
    ),
    Case("408", api_error(408, None, "Request timeout"), BUSY, r"\(408\)", ATTEMPTS),
    Case("409", api_error(409, None, "Conflict"), BUSY, r"\(409\)", ATTEMPTS),
    Case("429", _limit(), BUSY, r"slow down \(429\)", ATTEMPTS, waits=(0.5, 1.0, 2.0)),
    Case("429 retry-after 2 s", _limit(retry_after="2"), BUSY, "slow down", ATTEMPTS, waits=(2.0, 2.0, 2.0), later=2.0),
    Case(
        "429 retry-after-ms", _limit(retry_after_ms="1500"), BUSY, "slow down", ATTEMPTS, waits=(1.5, 1.5, 1.5), later=1.5, works=(CONTENT,)
    ),
    Case("429 retry-after 1 h", _limit(retry_after=str(LONG_SECONDS)), BUSY, "slow down", 1, waits=(), later=LONG_SECONDS),
    Case(
        "429 retry-after date",
        _limit_until,
        BUSY,
        "slow down",
        1,
        waits=(),
        later=LONG_SECONDS,
    ),
    Case("429 retry-after nonsense", _limit(retry_after="soon"), BUSY, "slow down", ATTEMPTS, waits=(0.5, 1.0, 2.0)),
    Case("429 insufficient_quota", _quota("insufficient_quota"), REJECTED, "no quota left"),
    Case("429 credit_balance_exhausted", _quota("credit_balance_exhausted"), REJECTED, "no quota left"),
    Case("429 project_spend_limit", _quota("project_spend_limit_exceeded"), REJECTED, "no quota left", works=(CONTENT,)),
    Case("500", api_error(500, None, "The server had an error"), BUSY, r"\(500\)", ATTEMPTS),
    Case("502 HTML", BAD_GATEWAY, BUSY, r"\(502\)", ATTEMPTS),
    Case("503", api_error(503, "overloaded", "The engine is currently overloaded"), BUSY, r"\(503\)", ATTEMPTS),
    Case("slow", Reply(hang=True), BUSY, LATE, patience_seconds=LEAST_SECONDS),
    Case("drip", Reply(200, b" " * 9_999, JSON, drip=True), BUSY, LATE, works=(CONTENT,), patience_seconds=LEAST_SECONDS),
    Case("cut before headers", Reply(raw=b""), BUSY, "was cut", ATTEMPTS),
    Case("cut in headers", Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Ty"), UNUSABLE, "not JSON", works=(CONTENT,)),
    Case("cut in body", Reply(200, b'{"id": "x", "choices": []}', JSON, cut_after=9), BUSY, "was cut", ATTEMPTS),
    Case("no HTTP", Reply(raw=b"SSH-2.0-OpenSSH_9.7\r\n"), BUSY, "was cut", ATTEMPTS, works=(CONTENT,)),
    Case("truncated JSON", Reply(200, b'{"id": "x", "choices": [{"ind', JSON), UNUSABLE, "not JSON"),
    Case("200 HTML", html_reply("<html><h1>Welcome</h1></html>"), UNUSABLE, "not JSON"),
    Case("200 empty", Reply(200, b"", JSON), UNUSABLE, "not JSON"),
    Case("200 error object", json_reply({"error": {"code": 401, "message": "No key"}}), REJECTED, "does not accept the API key"),
    Case("200 error, busy", json_reply({"error": {"code": 503, "message": "No provider"}}), BUSY, r"\(503\)", ATTEMPTS),
    Case("200 list", json_reply([1, 2]), UNUSABLE, "form|without an image"),
    Case("gzip garbage", Reply(200, GARBAGE, {**JSON, "Content-Encoding": "gzip"}), REJECTED, "broken compression"),
    Case("unknown encoding", Reply(200, b"x", {**JSON, "Content-Encoding": "br"}), REJECTED, "not asked for", works=(CONTENT,)),
    Case("huge body", Reply(200, b" " * (MAX_BYTES + 1), JSON), REJECTED, "larger than"),
    Case("redirect", Reply(302, b"", {"Location": "http://169.254.169.254/latest/"}), REJECTED, "redirects elsewhere"),
]


def _runware(status: int, code: str, message: str, **headers: str) -> Reply:
    return json_reply({"errors": [{"code": code, "message": message, "taskType": "imageInference"}]}, status, **headers)


_RUNWARE: list[Case] = [
    Case("401 key", _runware(401, "invalidApiKey", "Invalid API key."), REJECTED, "does not accept the API key"),
    Case("403", _runware(403, "forbidden", "Not allowed."), REJECTED, "Not allowed"),
    Case("400 model", _runware(400, "invalidModel", "Invalid value for 'model'."), REJECTED, "'model'"),
    Case("400 width", _runware(400, "invalidWidth", "Invalid value for 'width'."), REJECTED, "'width'"),
    Case("402 credits", _runware(402, "insufficientCredits", "Insufficient credits."), REJECTED, "(?i)credits"),
    Case("200 credits", _runware(200, "insufficientCredits", "Insufficient credits."), REJECTED, "(?i)credits"),
    Case("400 moderation", _runware(400, "providerContentModerated", "Flagged."), Moderated, "Flagged"),
    Case("400 contentPolicyViolation", _runware(400, "contentPolicyViolation", "Flagged."), Moderated, "Flagged"),
    Case("400 promptBlocked", _runware(400, "promptBlocked", "Flagged."), Moderated, "Flagged"),
    Case("408", _runware(408, "requestTimeout", "Timed out."), BUSY, "Timed out", ATTEMPTS),
    Case("409", _runware(409, "conflictTaskUUID", "Task UUID in use."), BUSY, "in use", ATTEMPTS),
    Case("429", _runware(429, "rateLimitExceeded", "Slow down."), BUSY, "Slow down", ATTEMPTS, waits=(0.5, 1.0, 2.0)),
    Case("429 retry-after 2 s", _runware(429, "x", "Slow.", retry_after="2"), BUSY, "Slow", ATTEMPTS, waits=(2.0,) * 3, later=2.0),
    Case("429 retry-after 1 h", _runware(429, "x", "Slow.", retry_after="3600"), BUSY, "Slow", 1, waits=(), later=LONG_SECONDS),
    Case("429 retry-after nonsense", _runware(429, "x", "Slow.", retry_after="soon"), BUSY, "Slow", ATTEMPTS, waits=(0.5, 1.0, 2.0)),
    Case("400 timeoutProvider", _runware(400, "timeoutProvider", "The provider timed out."), BUSY, "provider timed out", ATTEMPTS),
    Case("200 inferenceError", _runware(200, "inferenceError", "Try again."), BUSY, "Try again", ATTEMPTS),
    Case("500", _runware(500, "internalServerError", "Oops."), BUSY, "Oops", ATTEMPTS),
    Case("502 HTML", BAD_GATEWAY, BUSY, "502", ATTEMPTS),
    Case("503", _runware(503, "serviceUnavailable", "Full."), BUSY, "Full", ATTEMPTS),
    Case("504", html_reply("<h1>504</h1>", 504), BUSY, "504", ATTEMPTS),
    Case("slow", Reply(hang=True), BUSY, LATE, patience_seconds=LEAST_SECONDS),
    Case("cut before headers", Reply(raw=b""), BUSY, "was cut", ATTEMPTS),
    Case("cut in body", Reply(200, b'{"data": [{"imageBase64Data"', JSON, cut_after=9), BUSY, "was cut", ATTEMPTS),
    Case("truncated JSON", Reply(200, b'{"data": [{"imageBase', JSON), UNUSABLE, "not JSON"),
    Case("200 HTML", html_reply("<h1>hello</h1>"), UNUSABLE, "not JSON"),
    Case("403 HTML", html_reply("<h1>Access denied</h1>", 403), REJECTED, "403"),
    Case("gzip garbage", Reply(200, GARBAGE, {**JSON, "Content-Encoding": "gzip"}), REJECTED, "broken compression"),
    Case("huge body", Reply(200, b" " * (MAX_BYTES + 1), JSON), REJECTED, "larger than"),
    Case("redirect", Reply(302, b"", {"Location": "http://169.254.169.254/latest/"}), REJECTED, "302|redirect"),
]
RUNWARE_CASES = [replace(case, works=(RUNWARE_PICTURE,)) for case in _RUNWARE]

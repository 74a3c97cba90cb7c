"""What the OpenAI adapters share: a client on our own safe HTTP, one retry policy within the time there is, errors in plain words, prices.

`openai` and its HTTP library are imported inside functions: they take a third of a second that most Lambdas never need.
"""

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib.adapters.safe_http import SafeHttp, Transport, retry_after_seconds
from chalicelib.core.errors import AppError, InvalidAnswer, Moderated, UpstreamRejected, UpstreamUnavailable

if TYPE_CHECKING:
    import openai

Answer = TypeVar("Answer")

BASE_URL = "https://api.openai.com/v1"
ATTEMPTS = 4
FIRST_WAIT_SECONDS = 0.5
LEAST_CALL_SECONDS = 1.0
LEAST_WORKER_SECONDS = 10.0  # a worker with less time sends nothing: most answers would come after its end, and be paid for
SAID_CHARACTERS = 300
MAX_BYTES = 48_000_000  # an image of the largest size as base64
# Source: OpenAI's guide to error codes: these 429s are about money, which waiting does not bring.
QUOTA_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "access_terminated", "credit_balance_exhausted"}
    | {"organization_spend_limit_exceeded", "project_spend_limit_exceeded", "organization_usage_limit_exceeded"}
)
MODEL_CODES = frozenset({"model_not_found", "model_deprecated", "DeploymentNotFound"})
MODERATION_CODES = frozenset({"moderation_blocked", "content_policy_violation", "content_filter"})


def _unbounded() -> float | None:
    return None


@dataclass(frozen=True)
class Patience:
    """How retries are paced. Tests pass their own clock; nothing here sleeps longer than the call's time allows.

    left: seconds that the worker has for waiting, None for no end; asked at each call.
    """

    attempts: int = ATTEMPTS
    first_wait_seconds: float = FIRST_WAIT_SECONDS
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    left: Callable[[], float | None] = _unbounded

    def call(self, ask: Callable[[float], Answer], timeout_seconds: float) -> Answer:
        """Ask until there is an answer, an error that asking again cannot mend, or no time.

        ask: gets the seconds left. timeout_seconds: for all of it, waiting included; the worker's end may come before. A wait the server
        asks for (`Retry-After`) is kept, or, when it is longer than the time left, handed to the caller in the error at once.

        Raises: UpstreamUnavailable (with `reason` "no_time" when it is the worker whose time is over), and whatever else `ask` raises.
        """
        left = self.left()
        ends_first = left is not None and left < timeout_seconds  # the worker, before the call's own time is over
        if left is not None and left < min(LEAST_WORKER_SECONDS, timeout_seconds):
            raise _no_time()
        end = self.monotonic() + (left if left is not None and ends_first else timeout_seconds)
        attempt = 1
        while True:
            try:
                return ask(end - self.monotonic())
            except UpstreamUnavailable as error:
                wait = error.retry_after_seconds
                if wait is None and ends_first and self.monotonic() + LEAST_CALL_SECONDS > end:
                    raise _no_time() from error
                if wait is None:
                    wait = self.first_wait_seconds * 2 ** (attempt - 1) * (0.5 + self.jitter() / 2)
                if attempt >= self.attempts or self.monotonic() + wait + LEAST_CALL_SECONDS > end:
                    raise
                self.sleep(wait)
                attempt += 1


def _no_time() -> UpstreamUnavailable:
    """Nothing is known about the provider: another worker goes on at once."""
    return UpstreamUnavailable("This worker's time is over before the model could answer; another one goes on.",
                               retry_after_seconds=1, reason="no_time")  # fmt: skip


class OpenAIConnection:
    """A lazily made `openai.OpenAI` for one key and server.

    base_url: of an OpenAI-compatible server, None for OpenAI's own. It may come from a tenant, so it is called as safely as any address
    that a user typed in. http: `SafeHttp` unless given; the local stage gives one that allows loopback.
    """

    def __init__(self, api_key: str, base_url: str | None, http: Transport | None) -> None:
        self._key, self.base_url = api_key.strip(), (base_url or BASE_URL).rstrip("/")
        self._http = http or SafeHttp(max_bytes=MAX_BYTES)
        self._client: openai.OpenAI | None = None

    def client(self) -> "openai.OpenAI":
        """Raises: UpstreamRejected when the key cannot be one."""
        if self._client is None:
            if not self._key or not self._key.isascii() or not self._key.isprintable():
                raise UpstreamRejected("The API key is empty or has characters that no key has.")
            import openai

            # max_retries=0: the library would obey a Retry-After longer than a Lambda lives, and would retry an exhausted quota.
            client = openai.OpenAI(api_key=self._key, base_url=self.base_url, max_retries=0, http_client=_safe_client(self._http))
            # The library takes these from the environment; a tenant's key does not belong to the platform's organisation.
            client.organization = client.project = None
            self._client = client
        return self._client

    def translated(self, error: Exception, model: str) -> AppError:
        """One of our errors for one of `openai`'s, never with the key in it."""
        import openai

        cause: BaseException | None = error
        while cause is not None:  # our own HTTP raises our own errors; the library wraps them
            if isinstance(cause, AppError):
                return cause
            cause = cause.__cause__
        if isinstance(error, openai.APIResponseValidationError):
            return InvalidAnswer("The model's server does not answer in OpenAI's form.")
        if isinstance(error, openai.APIStatusError):
            return self._of_status(error.status_code, error.code or "", self.said(error.message), dict(error.response.headers), model)
        if isinstance(error, openai.APIConnectionError):
            return UpstreamUnavailable("The model's server cannot be reached.")
        return UpstreamRejected(f"The model's server cannot be used ({type(error).__name__}).")

    def of_error_object(self, found: dict[str, Any], model: str) -> AppError:
        """One of our errors for an `error` object that came with status 200, as some routers send it."""
        code = str(found.get("code") or "")
        status = int(code) if code.isdigit() else 400
        return self._of_status(status, code, self.said(str(found.get("message", ""))), {}, model)

    def _of_status(self, status: int, code: str, said: str, headers: dict[str, str], model: str) -> AppError:
        """`reason` in an error's `extra` is what callers decide by (docs/providers.md)."""
        if code in QUOTA_CODES or status == 402:
            problem = f"The provider's account has no quota left: top it up or raise its limit. {said}"
            return UpstreamRejected(problem, reason="no_quota")
        if code in MODERATION_CODES:
            return Moderated(f"The provider's moderation refuses this text. {said}")
        if status in (408, 409, 425, 429) or status >= 500:
            wait = retry_after_seconds({name.lower(): value for name, value in headers.items()})
            why = "asks us to slow down" if status == 429 else "does not answer at present"
            return UpstreamUnavailable(f"The model's server {why} ({status}). {said}", retry_after_seconds=wait)
        if status == 401:  # its own words repeat part of the key
            return UpstreamRejected("The provider does not accept the API key.", reason="key_refused")
        if status == 403:
            return UpstreamRejected(f"The API key may not use the model {model}, or not from here. {said}", reason="not_allowed")
        if code in MODEL_CODES or status == 410 or (status == 404 and "model" in said.lower()):
            return UpstreamRejected(f"The provider has no model {model} (any more), or not for this key. {said}", reason="model_gone")
        if status == 404:
            return UpstreamRejected(f"The provider has no model {model}, or the base URL is wrong. {said}")
        if code == "context_length_exceeded" or re.search(r"context (length|window|size)", said.lower()):
            return UpstreamRejected(f"The text is longer than the model {model} can read. {said}", reason="too_long")
        if 300 <= status < 400:
            return UpstreamRejected("The base URL redirects elsewhere; enter the address that the server really has.")
        return UpstreamRejected(f"The provider refuses the request ({status}). {said}")

    def said(self, text: str) -> str:
        """The provider's words, short, without the key or anything that looks like one."""
        text = text.replace(self._key, "***") if self._key else text
        text = re.sub(r"^Error code: \d+ - ", "", text)  # put there by the library; we say the status ourselves
        return " ".join(re.sub(r"\b(sk|pk|key|Bearer)[-_ ][A-Za-z0-9*_-]{6,}", "***", text).split())[:SAID_CHARACTERS]

    def price_usd(self, model: str, **tokens: int) -> float | None:
        """What the tokens cost at this server's list price in US dollars; None when the server or model is not in the table.

        tokens: by the names of `genai_prices.Usage`. Source: genai-prices (dated, each price with its source).
        """
        from genai_prices import Usage, calc_price

        try:
            return float(calc_price(Usage(**tokens), model, provider_api_url=self.base_url).total_price)
        except (LookupError, ValueError):
            return None


def _safe_client(http: Transport) -> Any:
    """An HTTP client for `openai` that sends everything through ours: pinned addresses, no redirects, bounded time and size."""
    import httpx2

    class SafeTransport(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            limits = request.extensions.get("timeout") or {}
            skipped = {"host", "content-length", "connection", "accept-encoding", "transfer-encoding"}
            headers = {name: value for name, value in request.headers.items() if name.lower() not in skipped}
            answer = http.request(
                request.method, str(request.url), headers=headers, body=request.read() or None, timeout_seconds=limits.get("read") or 60.0
            )
            # The body is whole and unpacked already.
            kept = {k: v for k, v in answer.headers.items() if k not in ("content-encoding", "content-length", "transfer-encoding")}
            return httpx2.Response(answer.status, headers=kept, content=answer.body, request=request)

    # follow_redirects=False: openai's own default client follows them. trust_env=False: proxies would undo the pinned address.
    return httpx2.Client(transport=SafeTransport(), follow_redirects=False, trust_env=False)

"""Lambda functions run in this process: moto keeps the function's record, its handler string is imported and called here."""

import importlib
import json
import logging
import threading
import time
import traceback
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.awslambda_simple.models import LambdaSimpleBackend

from infra.uses import acting

log = logging.getLogger(__name__)

Handler = Callable[[Any, Any], Any]

# Source: AWS Lambda, "How Lambda handles errors and retries with asynchronous invocation": two more tries, after 1 and 2 minutes.
# The waits are shortened here: nobody watches a demo for three minutes.
ASYNC_RETRY_SECONDS = (0.2, 0.4)


class Context:
    """What a handler is told about its invocation; the names are Lambda's own."""

    def __init__(self, function: LambdaFunction) -> None:
        self.aws_request_id = str(uuid.uuid4())
        self.function_name = function.function_name
        self.function_version = str(function.version or "$LATEST")
        self.invoked_function_arn = function.function_arn
        self.memory_limit_in_mb = function.memory_size
        self.log_group_name = function.logs_group_name
        self.log_stream_name = "local"
        self.identity = None
        self.client_context = None
        self._deadline = time.monotonic() + float(function.timeout or 3)

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class Invoker:
    """Runs handlers, counts the asynchronous ones that are under way, and forgets handlers between stacks."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self.calls: Counter[str] = Counter()  # of each function
        self.cpu_seconds: dict[str, float] = defaultdict(float)  # of its own thread
        self._idle = threading.Condition()
        self._running = 0

    def reset(self) -> None:
        self._handlers.clear()
        self.calls.clear()
        self.cpu_seconds.clear()

    def handler(self, function: LambdaFunction) -> Handler:
        """Import the function's handler string. Raises: ImportError, AttributeError (as a failed invocation)."""
        if function.function_name not in self._handlers:
            module, _, name = function.handler.rpartition(".")
            self._handlers[function.function_name] = getattr(importlib.import_module(module.replace("/", ".")), name)
        return self._handlers[function.function_name]

    def run(self, function: LambdaFunction, body: str) -> tuple[bytes, bool]:
        """One invocation: the answer's JSON and whether the function failed."""
        name, began = function.function_name, time.thread_time()
        try:
            event = json.loads(body) if body else {}
            with acting(name):
                return json.dumps(self.handler(function)(event, Context(function))).encode(), False
        except Exception as error:  # the runtime's own boundary: whatever a handler raises becomes the answer
            log.info("%s failed", function.function_name, exc_info=True)
            report = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": traceback.format_tb(error.__traceback__)}
            return json.dumps(report).encode(), True
        finally:
            with self._idle:
                self.calls[name] += 1
                self.cpu_seconds[name] += time.thread_time() - began

    def run_later(self, function: LambdaFunction, body: str) -> None:
        """An Event invocation: on a thread, tried again twice when it fails."""
        with self._idle:
            self._running += 1

        def work() -> None:
            try:
                for wait in (*ASYNC_RETRY_SECONDS, None):
                    answer, failed = self.run(function, body)
                    if not failed:
                        return
                    if wait is None:
                        log.warning("%s failed three times: %s", function.function_name, answer.decode()[:500])
                    else:
                        time.sleep(wait)
            finally:
                with self._idle:
                    self._running -= 1
                    self._idle.notify_all()

        threading.Thread(target=work, name=f"lambda-{function.function_name}", daemon=True).start()

    def wait_idle(self, timeout_seconds: float) -> bool:
        """Wait until no Event invocation is under way; False when time ran out."""
        with self._idle:
            return self._idle.wait_for(lambda: self._running == 0, timeout_seconds)

    @property
    def running(self) -> int:
        with self._idle:
            return self._running


invoker = Invoker()


def _invoke(
    self: LambdaSimpleBackend,
    function_name: str,
    qualifier: str | None,
    body: Any,
    headers: Mapping[str, str],
    response_headers: dict[str, str],
) -> bytes:
    function = self.get_function(function_name, qualifier)
    text = body.decode() if isinstance(body, bytes) else str(body or "")
    kind = headers.get("X-Amz-Invocation-Type") or "RequestResponse"
    if kind == "DryRun":
        return b""
    if kind == "Event":
        invoker.run_later(function, text)
        return b""
    payload, failed = invoker.run(function, text)
    if failed:
        response_headers["x-amz-function-error"] = "Unhandled"
    response_headers["Content-Length"] = str(len(payload))
    return payload


def install() -> None:
    """Replace moto's invocation (which answers a constant); calling it again changes nothing."""
    LambdaSimpleBackend.invoke = _invoke  # type: ignore[method-assign,assignment]

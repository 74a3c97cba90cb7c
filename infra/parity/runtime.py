"""A Lambda custom runtime in Python: runs the function's handler string out of the unzipped package and nothing else.

The second engine's own Python runtime reports every failure as `Runtime.HandlerError`, which no typed Retry or Catch of the state machine
would match; a `bootstrap` of one's own may say the exception's class, as AWS's Python runtimes do. It is zipped in as `bootstrap`, whose
first line keeps this machine's packages out of the path (-IBS); the variable RUNTIME names what AWS's runtimes bring, boto3 and its needs.
Source: AWS Lambda developer guide, "Using the Lambda runtime API for custom runtimes".
"""

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from http.client import HTTPConnection, HTTPMessage
from typing import Any

API = "/2018-06-01/runtime/"


def call(method: str, path: str, body: bytes | None = None) -> tuple[HTTPMessage, bytes]:
    """One request to the runtime API. Raises: RuntimeError when it is refused; the process then ends, and with it the environment."""
    connection = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, API + path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 400:
        raise RuntimeError(f"{path}: {answer.status} {text!r:.200}")
    return answer.headers, text


def report(error: BaseException) -> bytes:
    """What a failed invocation answers; the state machine and asynchronous retries go by `errorType`."""
    trace = traceback.format_tb(error.__traceback__)
    return json.dumps({"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}).encode()


class Context:
    """What a handler is told about its invocation; the names are Lambda's own."""

    def __init__(self, headers: HTTPMessage) -> None:
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._deadline_ms - int(time.time() * 1000))


def serve(handler: Callable[[Any, Any], Any]) -> None:
    """Invocation after invocation, until the process is ended."""
    while True:
        headers, event = call("GET", "invocation/next")
        context = Context(headers)
        try:
            kind, body = "response", json.dumps(handler(json.loads(event), context)).encode()
        except Exception as error:  # the runtime's own boundary: whatever a handler raises becomes the answer
            kind, body = "error", report(error)
        call("POST", f"invocation/{context.aws_request_id}/{kind}", body)


def main() -> None:
    """Import the handler and serve it."""
    sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"], os.environ["RUNTIME"]]
    try:
        module, _, name = os.environ["_HANDLER"].rpartition(".")
        handler = getattr(importlib.import_module(module), name)
    except BaseException as error:
        call("POST", "init/error", report(error))
        raise
    serve(handler)


if __name__ == "__main__":
    main()

"""The one gate through which every AWS call of this process passes, so that calls are checked, atomic, counted and journalled.

botocore hands each prepared request to moto's stubber, also those of Step Functions' own threads. `install` wraps that single
method, and answers DynamoDB's data operations before they become a request (`dynamodb_direct`). DynamoDB requests run inside
`dynamodb_patches.request` and under AWS's own limits; after any other call that may have changed something, the observers run before
the answer is returned, so nothing acknowledged is unrecorded.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.handlers import BUILTIN_HANDLERS, REGISTER_LAST
from moto.core import botocore_stubber
from moto.core.models import botocore_stubber as stubber

from infra.local import dynamodb_direct, dynamodb_patches

Answer = tuple[int, Any, Any]
Observer = Callable[[str, str], None]

_DYNAMODB = "DynamoDB_20120810"
_TOKEN_SECONDS = 600  # Source: DynamoDB, "TransactWriteItems": a ClientRequestToken is valid for 10 minutes
_TRANSACTION_BYTES = 4 * 1024 * 1024  # Source: DynamoDB, "TransactWriteItems": at most 4 MB of items
_BATCH_ACTIONS = 25  # Source: DynamoDB, "BatchWriteItem": up to 25 put or delete operations
_EXPRESSION_BYTES = 4096  # Source: DynamoDB, "Constraints": an expression string is at most 4 KB
_EXPRESSIONS = ("ConditionExpression", "FilterExpression", "KeyConditionExpression", "UpdateExpression", "ProjectionExpression")
_PLACEHOLDER = re.compile(r"[:#][A-Za-z0-9_]+")

observers: list[Observer] = []
_moto_process: Callable[[Any, AWSPreparedRequest], Answer | None] = botocore_stubber.BotocoreStubber.process_request
_tokens: dict[str, tuple[bytes, float]] = {}
_calls: dict[str, int] = {}
_calls_lock = threading.Lock()


def calls() -> dict[str, int]:
    """How often each `service.Operation` was asked since `reset`; for tests and benchmarks."""
    with _calls_lock:
        return dict(_calls)


def reset() -> None:
    """Forget call counts and transaction tokens (a new stack begins)."""
    with _calls_lock:
        _calls.clear()
    _tokens.clear()


def _refused(kind: str, message: str) -> Answer:
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{kind}", "message": message})
    return 400, {"content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "local"}, body


def _unused(action: dict[str, Any]) -> str | None:
    expressions = [action[name] for name in _EXPRESSIONS if isinstance(action.get(name), str)]
    used = set(_PLACEHOLDER.findall(" ".join(expressions)))
    for attribute in ("ExpressionAttributeValues", "ExpressionAttributeNames"):
        for name in action.get(attribute) or ():
            if name not in used:
                return f"Value provided in {attribute} unused in expressions: keys: {{{name}}}"
    for expression in expressions:
        if len(expression.encode()) > _EXPRESSION_BYTES:
            return "Expression size has exceeded the maximum allowed size;"
    return None


def _broken_rule(operation: str, body: dict[str, Any], size: int) -> str | None:
    """The rule of DynamoDB that moto does not enforce and this request breaks."""
    actions: Iterable[dict[str, Any]] = [body]
    if operation == "BatchWriteItem":
        if sum(map(len, body["RequestItems"].values())) > _BATCH_ACTIONS:
            return "Too many items requested for the BatchWriteItem call"
        return None
    if operation == "TransactWriteItems":
        if size > _TRANSACTION_BYTES:
            return "Transaction request cannot include more than 4 MB of data"
        actions = [next(iter(action.values())) for action in body["TransactItems"]]
    return next((problem for action in actions if (problem := _unused(action))), None)


def _dynamodb(operation: str, ask: Callable[[dict[str, Any]], Answer], raw: bytes) -> Answer:
    """ask: what answers the request, given its body."""
    body = json.loads(raw)
    if problem := _broken_rule(operation, body, len(raw)):
        return _refused("ValidationException", problem)
    token = body.get("ClientRequestToken") if operation == "TransactWriteItems" else None
    with dynamodb_patches.request() as current:
        if token:
            digest = hashlib.sha256(json.dumps(body["TransactItems"], sort_keys=True).encode()).digest()
            known = _tokens.get(token)
            if known and known[1] > time.monotonic() - _TOKEN_SECONDS:
                if known[0] != digest:
                    return _refused("IdempotentParameterMismatchException", "The token was used with other parameters")
                return 200, {"content-type": "application/x-amz-json-1.0"}, "{}"
        answer = ask(body)
        if answer[0] >= 400:
            current.undo()
        elif token:
            _tokens[token] = (digest, time.monotonic())
        return answer


def _service(request: AWSPreparedRequest) -> str:
    host = request.url.split("/", 3)[2]
    first = host.split(".", 1)[0]
    return "s3" if ".s3." in host or first in ("s3",) or host.startswith("127.0.0.1") else first


def _count(service: str, operation: str) -> None:
    with _calls_lock:
        _calls[f"{service}.{operation}"] = _calls.get(f"{service}.{operation}", 0) + 1


def _before_call(model: Any, params: dict[str, Any], context: dict[str, Any], **_: Any) -> Any:
    """botocore's hook before a call becomes a request: the answer of DynamoDB's data operations, None for any other call."""
    if not stubber.enabled or not dynamodb_direct.can_answer(model, params):
        return None
    operation, raw = model.name, params["body"]
    raw = raw.encode() if isinstance(raw, str) else bytes(raw)
    _count("dynamodb", operation)

    def ask(body: dict[str, Any]) -> Answer:
        return dynamodb_direct.answer(operation, body, raw, context["client_region"])

    return dynamodb_direct.parsed(model, _dynamodb(operation, ask, raw), params["url"])


def _process(self: botocore_stubber.BotocoreStubber, request: AWSPreparedRequest) -> Answer | None:
    target: Any = request.headers.get("X-Amz-Target") or ""
    target = target.decode() if isinstance(target, bytes) else target
    prefix, _, operation = target.partition(".")
    service = "dynamodb" if prefix == _DYNAMODB else _service(request)
    operation = operation or str(request.method)
    _count(service, operation)
    if prefix == _DYNAMODB:

        def ask(body: dict[str, Any]) -> Answer:
            answer = _moto_process(self, request)
            assert answer is not None
            return answer

        raw = request.body.encode() if isinstance(request.body, str) else bytes(request.body)
        return _dynamodb(operation, ask, raw)
    answer = _moto_process(self, request)
    if answer is not None and answer[0] < 400:
        for observer in observers:
            observer(service, operation)
    return answer


def install() -> None:
    """Wrap moto's stubber and be asked by every client made from now on, after all other hooks; calling it again changes nothing."""
    botocore_stubber.BotocoreStubber.process_request = _process  # type: ignore[method-assign]
    hook = ("before-call", _before_call, REGISTER_LAST)
    if hook not in BUILTIN_HANDLERS:
        BUILTIN_HANDLERS.append(hook)

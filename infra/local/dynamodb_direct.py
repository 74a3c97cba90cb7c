"""DynamoDB's data operations answered without an HTTP request that nobody receives: neither signed by botocore nor parsed by moto.

botocore's `before-call` event may answer a call. What asks moto's operations is as before: the request's JSON goes in, JSON comes out,
so that nothing stored is shared with a caller, and errors are read by botocore's own parser.
"""

import base64
import itertools
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.parsers import create_parser
from botocore.utils import lowercase_dict
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import HTTPException, ServiceException
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.dynamodb.responses import DynamoHandler

from infra.local.dynamodb_patches import DATA_OPERATIONS

Answer = tuple[int, Any, Any]

_method_of = cache(camelcase_to_underscores)
_parser = create_parser("json")
_requests = itertools.count(1)


def can_answer(model: Any, params: dict[str, Any]) -> bool:
    """Whether this call of botocore's is for here. model: of the operation; params: the request that would be sent."""
    return model.name in DATA_OPERATIONS and model.service_model.service_name == "dynamodb" and ".amazonaws.com" in params["url"]


def answer(operation: str, body: dict[str, Any], raw: bytes, region: str) -> Answer:
    """Status, headers and text of moto's answer. body: what `raw` says, moto's to keep."""
    handler = DynamoHandler()
    handler.body = handler.params = json.loads(raw, object_hook=_with_bytes) if _has_binary(raw) else body
    handler.region, handler.current_account = region, DEFAULT_ACCOUNT_ID
    handler.headers = {"x-amz-target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}
    handler.querystring, handler.uri_match, handler.response_headers = {}, {}, {"x-amzn-requestid": f"local-{next(_requests)}"}
    method: Callable[[], ActionResult] = getattr(handler, _method_of(operation))
    try:
        found = method()
    except ServiceException as error:
        found = ActionResult(error)
    except HTTPException as error:
        return int(error.code or 400), dict(error.get_headers() or []), error.description
    return handler.serialized(found)  # type: ignore[no-any-return]


def parsed(model: Any, got: Answer, url: str) -> tuple[AWSResponse, dict[str, Any]]:
    """The answer as botocore gives it to its caller."""
    status, headers, text = got
    http = AWSResponse(url, status, headers, None)
    if status >= 300:
        return http, _refusal(model, status, headers, text)
    found = json.loads(text, object_hook=_with_bytes) if _has_binary(text) else json.loads(text)
    members = model.output_shape.members
    answered = {name: value for name, value in found.items() if value is not None and name in members}
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": headers, "RetryAttempts": 0, "RequestId": headers.get("x-amzn-requestid", "")}
    return http, {**answered, "ResponseMetadata": metadata}


def _refusal(model: Any, status: int, headers: dict[str, str], text: str | bytes) -> dict[str, Any]:
    """As botocore's endpoint reads an error: its code and message, and what its own shape has besides."""
    body = text.encode() if isinstance(text, str) else text
    told = {"status_code": status, "headers": lowercase_dict(headers), "body": body, "context": {"operation_name": model.name}}
    found: dict[str, Any] = _parser.parse(told, model.output_shape)
    shape = model.service_model.shape_for_error_code(found.get("Error", {}).get("Code") or "")
    if shape is not None:
        found.update(_parser.parse(told, shape))
    found.setdefault("ResponseMetadata", {})["RetryAttempts"] = 0
    return found


def _has_binary(text: str | bytes) -> bool:
    """Whether it may hold binary attributes; what says so wrongly costs time, nothing else."""
    return (b'"B' in text) if isinstance(text, bytes) else ('"B' in text)


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    """A binary attribute with its bytes. An attribute that has the name B is a dict itself, and a placeholder begins with # or a colon."""
    if len(value) == 1:
        if isinstance(text := value.get("B"), str):
            return {"B": base64.b64decode(text)}
        if isinstance(texts := value.get("BS"), list):
            return {"BS": [base64.b64decode(text) for text in texts]}
    return value

"""What moto and botocore do anew for each call though the answer stays the same, done once."""

from functools import cache, lru_cache
from typing import Any

from botocore import useragent
from moto.core import responses
from moto.core.utils import method_names_from_class
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.parsing.expressions import UpdateExpressionParser
from moto.utilities.aws_headers import gen_amzn_requestid_long

_moto_method_names = method_names_from_class
_cached_names = cache(method_names_from_class)
_moto_size = Item.size
_moto_make = UpdateExpressionParser.make
# Expressions are texts of the code, so there are not many; their trees may be shared, since a Validator works on a copy.
_tree_of = lru_cache(1024)(UpdateExpressionParser.make)
_botocore_sanitize = useragent.sanitize_user_agent_string_component
_sanitized = lru_cache(256)(useragent.sanitize_user_agent_string_component)  # a user agent has 18 parts, and every call has two


def _enrich(headers: dict[str, str], body: Any) -> tuple[dict[str, str], Any]:
    """As moto's, which searches every answer, megabytes of JSON included, for an XML element."""
    if not isinstance(body, str) or "<RequestId>" in body:
        return _moto_enrich(headers, body)
    if "status" in headers:
        headers["status"] = str(headers["status"])
    gen_amzn_requestid_long(headers)
    return headers, body


_moto_enrich = responses.BaseResponse._enrich_response


def item_bytes(item: Item) -> int:
    """The item's size, computed once for as long as it is not changed (`changed`)."""
    known: int | None = item.__dict__.get("_bytes")
    if known is None:
        known = item.__dict__["_bytes"] = _moto_size(item)
    return known


def changed(item: Item) -> None:
    """To be told by whoever changes an item in place."""
    item.__dict__.pop("_bytes", None)


def install() -> None:
    """Replace their functions; calling it again changes nothing."""
    responses.method_names_from_class = _cached_names
    responses.BaseResponse._enrich_response = staticmethod(_enrich)  # type: ignore[method-assign]
    UpdateExpressionParser.make = staticmethod(_tree_of)  # type: ignore[method-assign,assignment]
    useragent.sanitize_user_agent_string_component = _sanitized

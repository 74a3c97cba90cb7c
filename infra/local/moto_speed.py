"""What moto and botocore do anew for each call though the answer stays the same, done once; and what moto keeps that nobody reads."""

from functools import cache, lru_cache
from typing import Any

from botocore import useragent
from moto.core import responses
from moto.core.common_models import BaseModel
from moto.core.utils import method_names_from_class
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.parsing.expressions import UpdateExpressionParser
from moto.s3.models import FakeKey, FakeMultipart
from moto.stepfunctions.parser.asl.antlr.runtime.ASLParser import ASLParser
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.utils import json_path
from moto.utilities.aws_headers import gen_amzn_requestid_long

_moto_method_names = method_names_from_class
_cached_names = cache(method_names_from_class)
_moto_size = Item.size
_moto_make = UpdateExpressionParser.make
# Expressions are texts of the code, so there are not many; their trees may be shared, since a Validator works on a copy.
_tree_of = lru_cache(1024)(UpdateExpressionParser.make)
_botocore_sanitize = useragent.sanitize_user_agent_string_component
_sanitized = lru_cache(256)(useragent.sanitize_user_agent_string_component)  # a user agent has 18 parts, and every call has two
_json_path, _result_path = lru_cache(1024)(json_path.parse), lru_cache(1024)(result_path.parse)  # each builds its grammar's tables anew
_moto_state_machine = ASLParser.state_machine
_trees: dict[str, Any] = {}
_TREES_MAX = 16


def _state_machine(self: ASLParser) -> Any:
    """As moto's, which parses the definition for every execution. The tree is only read; what is executed is built from it each time.
    One with errors is not kept: who asks for it again is to be told them again."""
    definition = str(self.getTokenStream().tokenSource.inputStream)
    tree = _trees.get(definition)
    if tree is None:
        tree = _moto_state_machine(self)
        if self.getNumberOfSyntaxErrors() == 0:
            if len(_trees) >= _TREES_MAX:
                _trees.clear()
            _trees[definition] = tree
    return tree


_TRACKED = (FakeKey, FakeMultipart)  # moto closes their files when it is reset


def _new(cls: type[BaseModel], *args: Any, **kwargs: Any) -> BaseModel:
    """As moto's, which remembers every object it ever made for its dashboard: each version of each item, for ever."""
    instance = super(BaseModel, cls).__new__(cls)
    if issubclass(cls, _TRACKED):
        cls.instances_tracked.append(instance)  # type: ignore[attr-defined]
    return instance


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
    json_path.parse, result_path.parse = _json_path, _result_path
    ASLParser.state_machine = _state_machine
    BaseModel.__new__ = staticmethod(_new)  # type: ignore[assignment]

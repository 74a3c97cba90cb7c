"""What API Gateway refuses by itself is answered in the API's envelope, with codes the API has, readable for pages of other origins."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from chalicelib.core import errors


class _Template(yaml.SafeLoader):
    """Reads the template without resolving its references."""


_Template.add_multi_constructor("!", lambda loader, suffix, node: None)
API = Path(__file__).parents[2] / "infra" / "resources" / "api.yaml"
RESPONSES: dict[str, Any] = yaml.load(API.read_text(encoding="utf-8"), _Template)["Resources"]["RestAPI"]["Properties"]["GatewayResponses"]


def known() -> set[tuple[int, str]]:
    """Status and code of every error of the API."""
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.AppError)]
    return {(c.status, c.code) for c in classes}


@pytest.mark.parametrize("name", RESPONSES)
def test_it_is_an_error_of_the_api(name: str) -> None:
    given = RESPONSES[name]
    text = given["ResponseTemplates"]["application/json"].replace("$context.error.messageString", '"Why."')
    body = json.loads(re.sub(r"\$context\.\w+", "x", text))
    assert set(body) == {"success", "error", "request_id"} and body["success"] is False
    assert (given["StatusCode"], body["error"]["code"]) in known()
    assert body["error"]["message"].endswith(".")
    assert given["ResponseParameters"]["Headers"]["Access-Control-Allow-Origin"] == "'*'"


def test_unknown_paths_are_404_with_and_without_a_token() -> None:
    """API Gateway takes a path it does not know for a call of an AWS service: it misses a signature, or finds a wrong one."""
    assert {RESPONSES[name]["StatusCode"] for name in ("MISSING_AUTHENTICATION_TOKEN", "INVALID_SIGNATURE")} == {404}


def test_refusals_for_load_say_when_to_come_back() -> None:
    assert int(RESPONSES["THROTTLED"]["ResponseParameters"]["Headers"]["Retry-After"].strip("'")) >= 1

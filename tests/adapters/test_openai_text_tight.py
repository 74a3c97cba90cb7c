"""The text adapter for a server that decodes by a grammar: it is given the tight form, and its answer is checked all the same."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from chalicelib.adapters.openai_text import OpenAITextModel
from chalicelib.adapters.safe_http import SafeHttp
from chalicelib.core.config import Config
from chalicelib.core.context import ProviderChoice
from chalicelib.core.errors import InvalidAnswer
from chalicelib.deps import text_model
from chalicelib.ports import TextRequest
from tests.adapters.scripted_server import LoopbackServer, chat


class Name(BaseModel):
    key: str


FORM = {"type": "object", "properties": {"key": {"type": "string", "enum": ["c1"]}}, "required": ["key"], "additionalProperties": False}
PLAIN = TextRequest("auto_cluster", "You name clusters.", "Name this.", Name, timeout_seconds=10.0)
TIGHT = replace(PLAIN, tight=lambda: FORM)
GOOD = '{"key": "c1"}'


def sent(request: TextRequest, *, tight: bool) -> dict[str, Any]:
    with LoopbackServer([chat(GOOD)]) as server:
        model = OpenAITextModel("sk-test-0123456789abcdef", "local", f"{server.url}/v1", tight=tight, http=SafeHttp(allow_loopback=True))
        assert model.complete(request).text == GOOD
    found: dict[str, Any] = server.asked[0].json()["response_format"]
    return found


def test_the_tight_form_is_sent_to_those_who_decode_by_it() -> None:
    assert sent(TIGHT, tight=True) == {"type": "json_schema", "json_schema": {"name": "Name", "strict": True, "schema": FORM}}
    plain = sent(TIGHT, tight=False)
    assert plain == sent(PLAIN, tight=True) and "enum" not in plain["json_schema"]["schema"]["properties"]["key"]


def test_an_answer_that_does_not_fit_the_model_is_an_invalid_answer_with_what_it_took() -> None:
    with LoopbackServer([chat('{"name": "c1"}')]) as server:
        model = OpenAITextModel("sk-test-0123456789abcdef", "local", f"{server.url}/v1", tight=True, http=SafeHttp(allow_loopback=True))
        with pytest.raises(InvalidAnswer, match="key: Field required") as raised:
            model.complete(TIGHT)
    assert raised.value.extra["answer"] == '{"name": "c1"}' and raised.value.extra["tokens_out"] == 200


@pytest.mark.parametrize(("setting", "base_url", "tight"), [("on", "", True), ("off", "", False), ("on", "https://other.test/v1", False)])
def test_it_is_a_setting_of_the_deployment_for_its_own_server(setting: str, base_url: str, tight: bool) -> None:
    """A customer's server may be any."""
    with LoopbackServer([chat(GOOD)]) as server:
        config = Config(openai_api_key="sk-test-0123456789abcdef", openai_base_url=f"{server.url}/v1", openai_tight=setting)
        model = text_model(config, ProviderChoice("openai", "local", "sk-own-0123456789abcdef" if base_url else "", base_url))
        assert isinstance(model, OpenAITextModel)
        if base_url:
            assert model._form(TIGHT) is Name
            return
        model.complete(TIGHT)
    assert ("enum" in server.asked[0].json()["response_format"]["json_schema"]["schema"]["properties"]["key"]) is tight

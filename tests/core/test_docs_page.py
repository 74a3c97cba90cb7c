"""The documentation page: complete in itself, allowed to load nothing from elsewhere, its script readable by a browser."""

import base64
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from chalicelib.core.context import Deps
from chalicelib.core.documentation import page, with_documentation
from tests.core.api_calls import Client, Reply, application


@pytest.fixture
def reply(deps: Deps) -> Reply:
    return Client(application(with_documentation([]), deps, {}))("GET", "/api/v1/docs/")


def test_it_is_public_html(reply: Reply) -> None:
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert reply.body.startswith("<!doctype html>") and "openapi.json" in reply.body


def test_it_names_no_other_host(reply: Reply) -> None:
    assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", reply.body) == []
    assert re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']([^\"']*)", reply.body) == ["data:,"]
    assert "@import" not in reply.body and not re.search(r"\burl\(", reply.body)


def test_the_policy_allows_exactly_its_style_and_script(reply: Reply) -> None:
    policy = dict(part.strip().split(" ", 1) for part in reply.headers["content-security-policy"].split(";"))
    for name in ("style", "script"):
        (text,) = re.findall(f"<{name}>(.*?)</{name}>", reply.body, re.DOTALL)
        assert policy[f"{name}-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    assert policy["default-src"] == "'none'" and policy["connect-src"] == "'self'"
    assert not re.search(r"\son[a-z]+=\"|style=\"", reply.body), "the policy forbids handlers and styles in attributes"


def test_the_script_makes_no_markup_from_text() -> None:
    html, _ = page()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", html)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_the_script_can_be_parsed(tmp_path: Path) -> None:
    (script,) = re.findall("<script>(.*?)</script>", page()[0], re.DOTALL)
    (tmp_path / "page.js").write_text(script, encoding="utf-8")
    done = subprocess.run(["node", "--check", str(tmp_path / "page.js")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

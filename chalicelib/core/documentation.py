"""The routes that document the others: `openapi.json`, and `docs`, a page that renders it without loading anything from elsewhere."""

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from chalicelib.core.openapi import document
from chalicelib.core.routing import Answer, Call, Route, Router

_PAGE = Path(__file__).parent / "docs_page"
_CACHED = "public, max-age=300"


def with_documentation(routes: Iterable[Route]) -> tuple[Route, ...]:
    """The routes, and those of their documentation, which describes itself too."""
    router = Router("", tag="Service", throttle="default")
    everything: list[Route] = []

    @lru_cache(maxsize=8)
    def text(server: str) -> str:
        return json.dumps(document(everything, server), ensure_ascii=False, separators=(",", ":"))

    @router.get("openapi.json", role=None, summary="This document", answer=dict[str, Any], enveloped=False)
    def openapi(call: Call) -> Answer:
        server = call.url.rstrip("/").removesuffix("/api/v1/openapi.json")
        return Answer(body=text(server), headers={"Cache-Control": _CACHED})

    @router.get("docs", role=None, summary="A page that shows this document", produces="text/html")
    def docs(call: Call) -> Answer:
        html, policy = page()
        headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": _CACHED, "Content-Security-Policy": policy}
        return Answer(body=html, headers=headers)

    everything += [*routes, *router.routes]
    return tuple(everything)


@cache
def page() -> tuple[str, str]:
    """The documentation page, style and script inside it, and the content security policy that allows exactly these two."""
    style, script = ((_PAGE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    html = (_PAGE / "page.html").read_text(encoding="utf-8").replace("/*style*/", style).replace("/*script*/", script)
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return html, policy


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

"""A receiver of webhook deliveries built by docs/webhook.md alone: it checks and stores with the Python functions documented there."""

import base64
import re
from pathlib import Path
from typing import Any

from tests.adapters.scripted_server import Asked, Reply, json_reply

SECRET = "whsec_a-secret-of-the-tests"
DOCUMENT = Path(__file__).parents[2] / "docs" / "webhook.md"


def documented() -> dict[str, Any]:
    """The Python of the document, as a module's names."""
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(DOCUMENT), "exec"), names)
    return names


class FakeReceiver:
    """`articles` by our id as last delivered, with their images at addresses of this server (`files`). now: Unix seconds, None for the
    real time."""

    def __init__(self, now: float | None = None) -> None:
        self.url = ""
        self.now = now
        self.kept: dict[str, dict[str, Any]] = {}
        self.articles: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.stored = 0
        self._names = documented()

    def __call__(self, asked: Asked) -> Reply:
        if asked.method == "GET":
            data = self.files.get(asked.path)
            return Reply(404) if data is None else Reply(200, data)
        fresh = {} if self.now is None else {"now": self.now}
        if not self._names["is_genuine"](SECRET, asked.headers.get("x-signature", ""), asked.body, **fresh):
            return json_reply({"error": "wrong signature"}, 401)
        delivery = asked.json()
        assert asked.headers["idempotency-key"] == delivery["id"]
        answer = self._names["receive"](delivery, self.kept, self._store, self._hide)
        return json_reply(answer) if answer else Reply(204)

    def _hide(self, own: str) -> None:
        if own in self.articles:
            self.articles[own]["status"] = "withdrawn"

    def _store(self, article: dict[str, Any]) -> dict[str, Any]:
        self.stored += 1
        own = article["id"]
        slug, notes = article["slug"], []
        if any(a["slug"] == slug for i, a in self.articles.items() if i != own):
            slug = f"{slug}-2"
            notes.append(f"The address '{article['slug']}' is taken; this one is at '{slug}'.")
        self.files = {path: data for path, data in self.files.items() if not path.startswith(f"/media/{own}/")}
        html = article["html"]
        for number, image in enumerate(article["images"]):
            path = f"/media/{own}/{number}"
            self.files[path] = base64.b64decode(image["data_base64"])
            if image["src"]:
                html = html.replace(f'src="{image["src"]}"', f'src="{self.url}{path}"')
        self.articles[own] = {**article, "html": html, "slug": slug}
        return {"id": own, "url": f"{self.url}/{slug}/", "notes": notes}

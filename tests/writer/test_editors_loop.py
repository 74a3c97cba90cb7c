"""The editor's loop by hand over the whole application on the embedded stack: a file by a signed address, clusters, ideas, tasks,
articles, pictures, review, publishing; every queue, worker and presigned address is the real one."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from infra import build
from infra.local.stack import LocalStack

WORDS = ("road bikes", "best road bikes", "cheap road bikes", "road bikes for women", "carbon road bikes", "road bike sizes")


class Client:
    def __init__(self, stack: LocalStack) -> None:
        import app
        from infra.local.api_server import Gateway
        from infra.local.seed import EMAILS, password

        self.stack, self._gateway, self.token = stack, Gateway(app.app), ""
        self.token = self.call("POST", "auth/login/", {"email": EMAILS[0], "password": password()})["data"]["access"]

    def call(self, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
        headers = {
            "content-type": "application/json",
            "host": "127.0.0.1",
            **({"authorization": f"Bearer {self.token}"} if self.token else {}),
        }
        raw = json.dumps(body).encode() if body is not None else b""
        got, _, data = self._gateway.call(method, f"/api/v1/{path}", headers, raw)
        assert got == status if status else got < 300, (method, path, got, data[:500])
        return json.loads(data)

    def done(self, path: str, body: Any = None) -> dict[str, Any]:
        """Ask for asynchronous work, let the workers do it, and return the closed task."""
        task = self.call("POST", path, body, 202)["data"]["task_id"]
        self.stack.drain()
        shown: dict[str, Any] = self.call("GET", f"system/settings/task_progress/{task}/")["data"]
        assert shown["state"] == "succeeded", json.dumps(shown)
        return shown


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    from chalicelib import deps
    from infra.local.seed import seed

    environment = {"THROTTLE": "off", "AI_PROVIDER": "offline"}
    with LocalStack(build.template("local"), environment=environment) as stack:
        deps.use(None)
        seed(deps.current())
        yield Client(stack)
    deps.use(None)


def test_from_a_file_to_a_published_article_by_hand(client: Client) -> None:
    site = client.call("GET", "auth/sites/?search=Demo")["results"][0]["id"]
    sector = client.call("GET", f"auth/sectors/?site_id={site}")["results"][0]["id"]
    where = {"site_id": site, "sector_id": sector}
    csv = ("keyword,volume\n" + "".join(f"{word},{100 + n}\n" for n, word in enumerate(WORDS))).encode()
    upload = client.call("POST", "planner/keywords/uploads/", {"filename": "bikes.csv", "size": len(csv)})["data"]
    with urllib.request.urlopen(urllib.request.Request(upload["url"], data=csv, method=upload["method"])) as answer:
        assert answer.status == 200
    imported = client.done(f"planner/keywords/import_keywords/?site_id={site}&sector_id={sector}", {"upload_id": upload["upload_id"]})
    assert imported["result"]["created"] == len(WORDS)
    client.done("planner/keywords/auto_cluster/", where)
    clusters = client.call("GET", f"planner/clusters/?sector_id={sector}&ordering=-keywords_count")["results"]
    assert clusters and clusters[0]["keywords_count"] > 1 and clusters[0]["volume"] > 200
    client.done("planner/clusters/auto_generate_ideas/", {"cluster_ids": [clusters[0]["id"]]})
    idea = client.call("GET", f"planner/ideas/?cluster_id={clusters[0]['id']}")["results"][0]
    queued = client.call("POST", "planner/ideas/bulk_queue_to_writer/", {"ids": [idea["id"]]})["data"]
    client.done("writer/tasks/auto_generate_content/", {"task_ids": queued["task_ids"]})
    content = client.call("GET", f"writer/tasks/{queued['task_ids'][0]}/")["data"]["content"]
    client.done("writer/content/generate_image_prompts/", {"ids": [content]})
    client.done("writer/content/auto_generate_images/", {"content_ids": [content]})
    assert client.call("GET", f"writer/content/{content}/")["data"]["status"] == "review"
    client.done(f"writer/content/{content}/regenerate/", {"instructions": "For beginners."})
    client.call("POST", f"writer/content/{content}/approve/", {"note": "Good"})
    client.done(f"writer/content/{content}/publish/")
    shown = client.call("GET", f"writer/content/{content}/")["data"]
    assert (shown["status"], shown["revision"], shown["sync_status"]) == ("published", 2, "synced")
    assert client.call("POST", f"writer/content/{content}/publish/", status=409)["error"]["code"] == "already_published"
    figures = client.call("GET", f"planner/clusters/{clusters[0]['id']}/")["data"]
    assert (figures["mapped_pages"], figures["content_count"]) == (1, 1)
    image = client.call("GET", f"writer/content/{content}/images/")["data"]["featured"]["id"]
    got, headers, _ = client._gateway.call("GET", f"/api/v1/writer/images/{image}/file/", {"authorization": f"Bearer {client.token}"}, b"")
    with urllib.request.urlopen(dict(headers)["Location"]) as picture:
        assert (got, picture.status, picture.headers["content-type"]) == (302, 200, "image/jpeg")
    balance = client.call("GET", "billing/balance/")["data"]
    assert balance["reserved"] == 0 and balance["balance"] < 10_000
    metrics = client.call("GET", "system/metrics/")["data"]["routes"]
    assert {"writer/content/{id}/publish"} <= {row["path"] for row in metrics}

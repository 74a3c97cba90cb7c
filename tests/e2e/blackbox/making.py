"""Objects that tests begin with, made over HTTP, under names that no other run uses."""

import io
import secrets
from typing import Any

from tests.e2e.blackbox.client import Api


def name(of: str) -> str:
    """A name that nothing else has."""
    return f"{of}-{secrets.token_hex(4)}"


def made(api: Api, path: str, **body: Any) -> dict[str, Any]:
    """Creates an object and reads it back."""
    data: dict[str, Any] = api.post(path, body, status=201).data
    return data


def keywords(api: Api, where: dict[str, Any], *words: str) -> list[str]:
    """Imports keywords; their ids, in the order given."""
    text = "keyword,volume\n" + "".join(f"{word},{100 + n}\n" for n, word in enumerate(words))
    api.post("planner/keywords/import_keywords/", params=where, data=text, headers={"Content-Type": "text/csv"})
    ids = {row["keyword"]: row["id"] for row in api.every("planner/keywords/", sector_id=where["sector_id"])}
    return [ids[word] for word in words]


def cluster(api: Api, where: dict[str, Any], called: str = "") -> str:
    one: str = made(api, "planner/clusters/", **where, name=called or name("Cluster"))["id"]
    return one


def kind(cluster_id: str) -> dict[str, Any]:
    """What tasks and contents need to be told."""
    return {"cluster": cluster_id, "content_type": "post", "content_structure": "guide"}


def task(api: Api, where: dict[str, Any], **more: Any) -> dict[str, Any]:
    fields = {
        "title": name("Espresso at home"),
        "primary_keyword": "espresso at home",
        "word_count": 500,
        **kind(more.pop("cluster", "") or cluster(api, where)),
    }
    return made(api, "writer/tasks/", **where, **{**fields, **more})


ARTICLE = "<h2>Beans</h2><p>Fresh beans make the cup.</p><h2>Water</h2><p>Soft water keeps the machine clean.</p>"


def content(api: Api, where: dict[str, Any], **more: Any) -> dict[str, Any]:
    fields = {"title": name("Espresso at home"), "html": ARTICLE, **kind(more.pop("cluster", "") or cluster(api, where))}
    return made(api, "writer/content/", **where, **{**fields, **more})


def picture() -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "PNG")
    return out.getvalue()


def crud(
    api: Api,
    path: str,
    body: dict[str, Any],
    change: dict[str, Any],
    *,
    put: dict[str, Any] | None = None,
    verbs: str = "put patch delete",
) -> str:
    """Create, list and read an object, and what `verbs` name of replacing, changing, deleting and restoring. Returns its id.

    change: fields for PUT and PATCH. put: the body of PUT, by default that of the create with the changes.
    """
    one = made(api, path, **body)
    mine = f"{path}{one['id']}/"
    read = api.get(mine)
    assert read.data["id"] == one["id"] and read.headers["ETag"] == f'"{read.data["version"]}"'
    assert api.get(path, page_size=1).results
    if "put" in verbs:
        put = put or {**{k: v for k, v in body.items() if k not in ("site_id", "sector_id")}, **change}
        assert {k: v for k, v in api.put(mine, put).data.items() if k in change} == change
    if "patch" in verbs:
        present = api.patch(mine, {**read.data, **change}).data  # what was read may be sent back
        assert {k: v for k, v in present.items() if k in change} == change
        api.patch(mine, change, status=412, headers={"If-Match": '"999"'})
        api.patch(mine, {"no_such_field": 1}, status=400)
    if "delete" in verbs:
        assert api.delete(mine).data["id"] == one["id"]
        api.get(mine, status=404)
        api.delete(mine, status=404)
    if "restore" in verbs:
        assert one["id"] in [row["id"] for row in api.every(path, deleted="true")]
        assert api.post(f"{mine}restore/").data["id"] == one["id"]
        api.get(mine)
    return str(one["id"])

"""A WordPress in memory behind the scripted server: what our publisher uses of its REST API, as observed on WordPress 6.8.

What it does not know it answers with 501, so that a test that leads there fails.
"""

import base64
import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.adapters.scripted_server import Asked, Reply, json_reply

ALL_RIGHTS = {"edit_posts", "publish_posts", "upload_files", "manage_categories", "unfiltered_html"}


class FakeWordPress:
    """Call it with a request. before: a fault instead of an answer. after: what becomes of the answer on its way, the work being done."""

    def __init__(self) -> None:
        self.posts: dict[int, dict[str, Any]] = {}
        self.media: dict[int, dict[str, Any]] = {}
        self.terms: dict[int, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.rights = set(ALL_RIGHTS)
        self.registered_meta = {"publisher_source_id", "_yoast_wpseo_title", "_yoast_wpseo_metadesc", "_yoast_wpseo_focuskw"}
        self.user, self.password = "admin", "abcd efgh ijkl"
        self.users: list[dict[str, Any]] = [{"id": 1, "name": "Admin"}]
        self.plugin, self.shop = True, False
        self.reporting: tuple[str, str] | None = None
        self.application_passwords = True
        self.before: Callable[[Asked], Reply | None] = lambda asked: None
        self.after: Callable[[Asked, Reply], Reply] = lambda asked, reply: reply
        self.url = ""
        self._last = 100

    def __call__(self, asked: Asked) -> Reply:
        fault = self.before(asked)
        return fault if fault is not None else self.after(asked, self._answer(asked))

    def _answer(self, asked: Asked) -> Reply:
        if asked.path.startswith("/uploads/"):
            return Reply(200, self.files[asked.path], {"Content-Type": "image/png"})
        route = asked.query.get("rest_route", "")
        if route == "/":
            logins = {"application-passwords": {}} if self.application_passwords else []
            return json_reply(
                {
                    "name": "Caf&eacute;",
                    "url": self.url,
                    "namespaces": ["wp/v2", *(["igny8/v1"] if self.plugin else [])],
                    "authentication": logins,
                }
            )
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {token}":
            return _error(401, "rest_not_logged_in", "You are not currently logged in.")
        if route == "/wp/v2/users/me":
            return json_reply({"name": "Admin", "roles": ["administrator"], "capabilities": dict.fromkeys(sorted(self.rights), True)})
        if found := re.fullmatch(r"/wp/v2/types/(\w+)", route):
            return json_reply({"rest_base": "product"}) if self.shop else _error(404, "rest_type_invalid", f"Invalid post type {found[1]}.")
        if route == "/igny8/v1/posts":
            if not self.plugin:
                return _error(404, "rest_no_route", "No route was found matching the URL and request method.")
            source = asked.query["source_id"]
            mine = [p for p in self.posts.values() if p["meta"].get("publisher_source_id") == source]
            return json_reply([{"id": p["id"], "source_id": source, "status": p["status"]} for p in mine])
        if route == "/igny8/v1/site" and self.plugin:
            return json_reply({"plugin": "1.0.0", "seo_plugin": "", "reporting": self.reporting is not None})
        if route == "/igny8/v1/reporting" and self.plugin:
            self.reporting = (asked.json()["url"], asked.json()["secret"])
            return json_reply({"reporting": True})
        if route == "/wp/v2/users":
            return json_reply([u for u in self.users if asked.query["search"].casefold() in u["name"].casefold()])
        if found := re.fullmatch(r"/wp/v2/(posts|pages|product|media|categories|tags)(?:/(\d+))?", route):
            kind = "media" if found[1] == "media" else "terms" if found[1] in ("categories", "tags") else "posts"
            reply: Reply = getattr(self, f"_{kind}_{asked.method.lower()}")(asked, found[1], int(found[2]) if found[2] else None)
            return reply
        return _error(501, "fake_unsupported", f"{asked.method} {route}")

    # Terms

    def _terms_get(self, asked: Asked, taxonomy: str, number: int | None) -> Reply:
        mine = [t for t in self.terms.values() if t["taxonomy"] == taxonomy]
        if number is not None:
            one = next((t for t in mine if t["id"] == number), None)
            return json_reply(one) if one else _error(404, "rest_term_invalid", "Term does not exist.")
        if slug := asked.query.get("slug"):
            mine = [t for t in mine if t["slug"] == slug]
        if include := asked.query.get("include"):
            mine = [t for t in mine if str(t["id"]) in include.split(",")]
        if search := asked.query.get("search"):
            mine = [t for t in mine if search.casefold() in html.unescape(t["name"]).casefold()]
        return json_reply(mine)

    def _terms_post(self, asked: Asked, taxonomy: str, number: int | None) -> Reply:
        sent = asked.json()
        if number is not None:
            self.terms[number].update(sent)
            return json_reply(self.terms[number])
        if taxonomy == "categories" and "manage_categories" not in self.rights:
            return _error(403, "rest_cannot_create", "Sorry, you are not allowed to create terms in this taxonomy.")
        slug = sent.get("slug") or _slug(sent["name"])
        for term in self.terms.values():
            if term["taxonomy"] == taxonomy and (term["slug"] == slug or html.unescape(term["name"]).casefold() == sent["name"].casefold()):
                return _error(400, "term_exists", "A term with the name provided already exists.", term_id=term["id"])
        number = self._new()
        named = {
            "name": html.escape(sent["name"]),
            "slug": slug,
            "description": "",
            "parent": sent.get("parent", 0),
            "link": f"{self.url}/{taxonomy}/{slug}/",
        }
        self.terms[number] = {"id": number, "taxonomy": taxonomy, **named}
        return json_reply(self.terms[number], 201)

    # Media

    def _media_get(self, asked: Asked, kind: str, number: int | None) -> Reply:
        return json_reply([m for m in self.media.values() if m["slug"] == asked.query["slug"]])

    def _media_post(self, asked: Asked, kind: str, number: int | None) -> Reply:
        if number is not None:
            self.media[number].update(asked.json())
            return json_reply(self.media[number])
        if "upload_files" not in self.rights:
            return _error(403, "rest_cannot_create", "Sorry, you are not allowed to upload media on this site.")
        found = re.search(r'filename="([^"]+)"', asked.headers["content-disposition"])
        assert found and asked.headers["content-type"].startswith("image/")
        number = self._new()
        path = f"/uploads/{number}-{found[1]}"
        self.files[path] = asked.body
        self.media[number] = {"id": number, "slug": found[1].rsplit(".", 1)[0], "source_url": self.url + path, "alt_text": ""}
        return json_reply(self.media[number], 201)

    # Posts and pages

    def _posts_get(self, asked: Asked, kind: str, number: int | None) -> Reply:
        if number is not None:
            post = self.posts.get(number)
            return json_reply(post) if post else _error(404, "rest_post_invalid_id", "Invalid post ID.")
        found = [p for p in self.posts.values() if p["kind"] == kind]
        found = [p for p in found if p["status"] in asked.query.get("status", "publish").split(",")]
        if include := asked.query.get("include"):
            found = [p for p in found if str(p["id"]) in include.split(",")]
        if search := asked.query.get("search"):
            found = [p for p in found if search in p["content"]["raw"]]
        if slug := asked.query.get("slug"):
            found = [p for p in found if p["slug"] in slug.split(",")]
        return json_reply(sorted(found, key=lambda p: p["id"], reverse=True))

    def _posts_post(self, asked: Asked, kind: str, number: int | None) -> Reply:
        sent = asked.json()
        if sent.get("status") == "publish" and "publish_posts" not in self.rights:
            return _error(403, "rest_cannot_publish", "Sorry, you are not allowed to publish posts in this post type.")
        if sent.get("author", 1) != 1 and "edit_others_posts" not in self.rights:
            return _error(403, "rest_cannot_edit_others", "Sorry, you are not allowed to create posts as this user.")
        status = 200
        if number is None:
            number, status = self._new(), 201
            meta = dict.fromkeys(sorted(self.registered_meta), "")
            self.posts[number] = {"id": number, "kind": kind, "meta": meta, "categories": [1], "tags": []}
        elif number not in self.posts:
            return _error(404, "rest_post_invalid_id", "Invalid post ID.")
        post = self.posts[number]
        post |= {"type": kind.removesuffix("s"), "modified_gmt": f"2026-01-01T00:{self._new() % 60:02d}:00"}
        for name in ("title", "content", "excerpt"):
            if name in sent:
                raw = sent[name] if "unfiltered_html" in self.rights else re.sub(r"<iframe.*?</iframe>", "", sent[name])
                post[name] = {"raw": raw, "rendered": raw}
        for name in ("status", "slug", "categories", "tags", "featured_media", "date_gmt", "author"):
            if name in sent:
                post[name] = sent[name]
        for name in ("categories", "tags"):  # unknown ids are dropped without a word
            post[name] = [i for i in post[name] if i in self.terms or i == 1]
        if post.get("featured_media") and post["featured_media"] not in self.media:
            post["featured_media"] = 0
        post["meta"].update({k: v for k, v in sent.get("meta", {}).items() if k in self.registered_meta})
        if post["status"] == "future" and datetime.fromisoformat(post["date_gmt"]).replace(tzinfo=UTC) <= datetime.now(UTC):
            post["status"] = "publish"
        if post["status"] != "draft":
            post["slug"] = self._free_slug(post)
        post["link"] = f"{self.url}/{post['slug']}/" if post["status"] == "publish" else f"{self.url}/?p={number}"
        return json_reply(post, status)

    def _posts_delete(self, asked: Asked, kind: str, number: int | None) -> Reply:
        assert number is not None
        if number not in self.posts:
            return _error(404, "rest_post_invalid_id", "Invalid post ID.")
        if self.posts[number]["status"] == "trash":
            return _error(410, "rest_already_trashed", "The post has already been deleted.")
        self.trash(number)
        return json_reply(self.posts[number])

    def trash(self, number: int) -> None:
        self.posts[number]["status"] = "trash"
        self.posts[number]["slug"] += "__trashed"

    def _free_slug(self, post: dict[str, Any]) -> str:
        taken = {p["slug"] for p in self.posts.values() if p["id"] != post["id"] and p["status"] != "draft"}
        slug, n = post["slug"], 2
        while slug in taken:
            slug, n = f"{post['slug']}-{n}", n + 1
        return str(slug)

    def _new(self) -> int:
        self._last += 1
        return self._last


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _error(status: int, code: str, message: str, **data: Any) -> Reply:
    return json_reply({"code": code, "message": message, "data": {"status": status, **data}}, status)

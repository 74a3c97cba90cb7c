"""Publish articles to a WordPress site over plain REST: one post per article, whatever was lost, retried or changed on the way."""

import html
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from slugify import slugify

from chalicelib.adapters.article_html import adapt
from chalicelib.adapters.safe_http import SafeHttp, Transport
from chalicelib.adapters.wordpress_client import TIMEOUT_SECONDS, WordPressClient
from chalicelib.adapters.wordpress_media import StoredImage, WordPressMedia
from chalicelib.adapters.wordpress_terms import ROUTES, WordPressTerms
from chalicelib.core.errors import UpstreamRejected
from chalicelib.ports import Article, Check, RemotePost, Term

SLUGS_LOOKED_FOR = 5
MISSING = frozenset({"rest_post_invalid_id", "rest_term_invalid"})
NO_META = frozenset({"rest_cannot_update", "rest_forbidden_meta", "rest_meta_database_error", "rest_invalid_param"})
NEEDED = {"edit_posts": "edit posts", "publish_posts": "publish posts", "upload_files": "upload files"}
SEO_FIELDS = {
    "meta_title": ("_yoast_wpseo_title", "rank_math_title"),
    "meta_description": ("_yoast_wpseo_metadesc", "rank_math_description"),
    "primary_keyword": ("_yoast_wpseo_focuskw", "rank_math_focus_keyword"),
}
PAGE = "/wp/v2/pages"
POST = "/wp/v2/posts"


class WordPressPublisher:
    """`ports.Publisher` on the REST API of WordPress 5.6 or newer, with an application password.

    url: the site's address. http: `SafeHttp()` unless given; the local stage gives one that allows loopback. source_meta: the meta field
    in which the companion plugin keeps our source id; without that plugin a comment in the post's HTML is how we know our own posts.

    The caller holds one lock per content and target while it publishes.
    """

    target = "wordpress"

    def __init__(
        self,
        url: str,
        username: str,
        app_password: str,
        http: Transport | None = None,
        *,
        source_meta: str = "publisher_source_id",
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._client = WordPressClient(url, username, app_password, http or SafeHttp(), timeout_seconds)
        self._media, self._terms = WordPressMedia(self._client), WordPressTerms(self._client)
        self._source_meta = source_meta

    def check(self) -> Check:
        """Look at the site's index and at the user's rights. Raises: UpstreamUnavailable."""
        hint = ""
        try:
            index = self._client.call("GET", "/").data
            if not isinstance(index, dict) or "wp/v2" not in index.get("namespaces", []):
                return Check(False, "The address answers, but not as a WordPress with its REST API.")
            if "application-passwords" not in (index.get("authentication") or []):
                hint = " The site says that application passwords are switched off or that it is not reached by https."
            # A public GET would not notice a wrong password: it is answered as for anybody.
            user = self._client.call("GET", "/wp/v2/users/me", query={"context": "edit"}).objects()[0]
        except UpstreamRejected as error:
            return Check(False, error.message + hint)
        granted = {name for name, yes in (user.get("capabilities") or {}).items() if yes}
        details = {
            "site": html.unescape(str(index.get("name", ""))),
            "url": index.get("url", ""),
            "user": user.get("name", ""),
            "roles": user.get("roles", []),
            "may_create_categories": "manage_categories" in granted,
            "keeps_html": "unfiltered_html" in granted,
        }
        lacking = [words for name, words in NEEDED.items() if name not in granted]
        if lacking:
            return Check(False, f"The WordPress user {details['user']} may not {', '.join(lacking)}.", {**details, "lacking": lacking})
        return Check(True, f"Connected to {details['site'] or 'the site'} as {details['user']}.", details)

    def publish(self, article: Article, known: RemotePost | None) -> RemotePost:
        """See `ports.Publisher.publish`. `content_type: taxonomy` sets the description of its first term.

        Raises: UpstreamUnavailable, UpstreamRejected.
        """
        own = {image.source: image.source for image in article.images if image.source}
        used = adapt(article.html, own, keep_relative_links=True, heading_ids=False).used
        featured = next((i for i in sorted(article.images, key=lambda i: i.position) if i.image_type == "featured"), None)
        if article.content_type == "taxonomy":
            featured = None
        shown = [i for i in article.images if i is featured or i.source in used]
        images = {image.filename: self._media.store(image, article.source_id) for image in shown}
        urls = {image.source: images[image.filename].url for image in shown if image.source}
        body = adapt(article.html, urls, keep_relative_links=True, heading_ids=False)
        notes = [f"Left out an image with an address of its own: {url[:120]}" for url in body.dropped]
        unused = [i.filename for i in article.images if i not in shown]
        if unused:
            notes.append(f"Not used in the text and so not uploaded: {', '.join(unused)}.")
        if article.content_type == "taxonomy":
            return self._publish_term(article, body.html, images, notes)
        route, type_notes = self._route(article.content_type)
        terms, term_notes = self._terms.resolve(article.terms) if route == POST else ([], [])
        notes += [*type_notes, *term_notes]
        fields = self._fields(article, _marked(body.html, article.source_id), terms, route)
        fields["featured_media"] = int(images[featured.filename].external_id) if featured else 0
        existing = self._existing(route, article, known)
        if existing is None:
            post = self._client.call("POST", route, query={"context": "edit"}, fields=fields).objects()[0]
            post = self._one_of_twins(route, article, post)
        else:
            if str(existing.get("slug", "")).removesuffix("__trashed") in _numbered(fields["slug"])[1:]:
                fields.pop("slug")  # WordPress numbered it when it was created; asking again could change a public address
            post = self._client.call("POST", f"{route}/{existing['id']}", query={"context": "edit"}, fields=fields).objects()[0]
        notes += self._write_meta(route, article, post)
        notes += _differences(article, fields, post)
        return RemotePost(
            external_id=str(post["id"]),
            url=str(post.get("link", "")),
            status=str(post.get("status", "")),
            terms=tuple(t for t in terms if int(t.external_id or 0) in (post.get(ROUTES[t.taxonomy]) or [])),
            media={name: stored.external_id for name, stored in images.items()},
            notes=tuple(dict.fromkeys(notes)),
        )

    def _publish_term(self, article: Article, body: str, images: dict[str, StoredImage], notes: list[str]) -> RemotePost:
        term = next((t for t in article.terms if t.taxonomy in ROUTES), Term(article.title, article.slug, "category"))
        stored, more = self._terms.describe(term, body)
        found = replace(term, external_id=str(stored["id"]))
        media = {name: image.external_id for name, image in images.items()}
        return RemotePost(str(stored["id"]), str(stored.get("link", "")), "publish", (found,), media, (*notes, *more))

    def _route(self, content_type: str) -> tuple[str, list[str]]:
        """The collection a content type is published to."""
        if content_type in ("", "post"):
            return POST, []
        if content_type == "page":
            return PAGE, []
        answer = self._client.call("GET", f"/wp/v2/types/{slugify(content_type)}", accept_codes=frozenset({"rest_type_invalid"}))
        if answer.code or not answer.data.get("rest_base"):
            return POST, [f"The site has no content type '{content_type}'; a post was made instead."]
        return f"/wp/v2/{answer.data['rest_base']}", []

    def _fields(self, article: Article, content: str, terms: list[Term], route: str) -> dict[str, Any]:
        fields: dict[str, Any] = {"title": _as_html(article.title), "slug": wordpress_slug(article), "content": content}
        fields["status"] = article.status
        if route == POST:
            fields["excerpt"] = _as_html(article.excerpt)
            for taxonomy, name in ROUTES.items():
                ids = [int(t.external_id or 0) for t in terms if t.taxonomy == taxonomy]
                if ids or taxonomy == "tag":  # a post without category gets the site's default one
                    fields[name] = ids
        if article.status == "future" and (article.published_at is None or article.published_at <= datetime.now(UTC)):
            raise UpstreamRejected("An article is scheduled for a time that lies ahead.")
        if article.published_at is not None:
            # date_gmt only: `date` would win, and is in the site's time zone.
            fields["date_gmt"] = article.published_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return fields

    def _existing(self, route: str, article: Article, known: RemotePost | None) -> dict[str, Any] | None:
        """The article's post if there is one: by its id, by the companion plugin's look-up, by slug, in this order; also in the trash."""
        if known is not None and known.external_id.isdigit():
            query: dict[str, str | int] = {"context": "edit"}
            answer = self._client.call("GET", f"{route}/{known.external_id}", query=query, accept_codes=MISSING)
            if not answer.code:
                return answer.objects()[0]
        # Without the plugin the parameter means nothing and the newest posts come: they are judged like all others.
        slugs = _numbered(wordpress_slug(article))
        looked_for: tuple[tuple[str, str, str], ...] = (
            ("any", self._source_meta, article.source_id),
            ("any", "slug", ",".join(slugs)),
            ("trash", "slug", ",".join(f"{slug}__trashed" for slug in slugs)),
        )
        for status, name, value in looked_for:
            mine = self._mine(route, article, {name: value, "status": status, "context": "edit", "per_page": 2 * SLUGS_LOOKED_FOR})
            if mine:
                return mine[0]
        return None

    def _mine(self, route: str, article: Article, query: dict[str, str | int]) -> list[dict[str, Any]]:
        found = self._client.call("GET", route, query=query).objects()
        return sorted((post for post in found if self._is_mine(post, article.source_id)), key=lambda post: int(post["id"]))

    def _is_mine(self, post: dict[str, Any], source_id: str) -> bool:
        meta = post.get("meta") or {}
        raw = str((post.get("content") or {}).get("raw", ""))
        return (isinstance(meta, dict) and meta.get(self._source_meta) == source_id) or _marker(source_id) in raw

    def _one_of_twins(self, route: str, article: Article, post: dict[str, Any]) -> dict[str, Any]:
        """After a create: should another run have created the post at the same time, the older stays and the others go to the trash."""
        slugs = ",".join(_numbered(wordpress_slug(article)))
        mine = self._mine(route, article, {"slug": slugs, "per_page": 100, "status": "any", "context": "edit"})
        for twin in mine[1:]:
            self._client.call("DELETE", f"{route}/{twin['id']}", accept_codes=frozenset({"rest_already_trashed", "rest_post_invalid_id"}))
        return post if not mine or mine[0]["id"] == post["id"] else mine[0]

    def _write_meta(self, route: str, article: Article, post: dict[str, Any]) -> list[str]:
        """Store source id and SEO fields where the site has registered them; what it has not is dropped without a word, so it is not sent.

        In a call of its own: WordPress refuses meta only after it has stored the post.
        """
        meta = post.get("meta")
        registered = meta if isinstance(meta, dict) else {}
        wanted = {self._source_meta: article.source_id}
        lost = []
        for attribute, keys in SEO_FIELDS.items():
            value = getattr(article, attribute)
            if value and not any(key in registered for key in keys):
                lost.append(attribute)
            wanted.update({key: value for key in keys if value})
        changed = {key: value for key, value in wanted.items() if key in registered and registered[key] != value}
        notes = [f"Not stored, the site has no field for it: {', '.join(lost)}. The companion plugin registers them."] if lost else []
        if changed:
            answer = self._client.call("POST", f"{route}/{post['id']}", fields={"meta": changed}, accept_codes=NO_META)
            if answer.code:
                notes.append(f"The site did not take the fields {', '.join(sorted(changed))}: {answer.said}")
        return notes


def wordpress_slug(article: Article) -> str:
    """The slug we ask for, as WordPress would keep it. A purely numeric one would be changed by WordPress, so it gets a word."""
    slug = slugify(article.slug, max_length=190) or f"article-{slugify(article.source_id)}"
    return f"article-{slug}" if slug.isdigit() else slug


def _as_html(text: str) -> str:
    """Plain text where WordPress expects HTML; an ampersand may stay as it is."""
    return text.replace("<", "&lt;").replace(">", "&gt;")


def _marker(source_id: str) -> str:
    """A comment in the post's HTML that says whose it is; quoted, because `--` would end the comment."""
    return f"<!-- igny8:content={quote(source_id, safe='').replace('-', '%2D')} -->"


def _marked(body: str, source_id: str) -> str:
    """The body with the marker in it: inside its first paragraph, because WordPress would make a paragraph of a comment on its own,
    which readers see as a gap above the text."""
    marker = _marker(source_id)
    return f"<p>{marker}{body.removeprefix('<p>')}" if body.startswith("<p>") else f"{marker}\n{body}"


def _numbered(slug: str) -> list[str]:
    """The slug and what WordPress makes of it when it is taken."""
    return [slug, *(f"{slug}-{n}" for n in range(2, SLUGS_LOOKED_FOR + 1))]


def _differences(article: Article, fields: dict[str, Any], post: dict[str, Any]) -> Iterable[str]:
    """What WordPress stored otherwise than it was sent: it says 200 all the same."""
    raw = str((post.get("content") or {}).get("raw", ""))
    if raw.strip() != str(fields["content"]).strip():
        yield "WordPress changed the HTML: its user may not use everything in it, or a plugin filters it."
    if post.get("slug") and post["slug"] != wordpress_slug(article):
        yield f"The address '{wordpress_slug(article)}' is taken there; WordPress made it '{post['slug']}'."
    for name in ("categories", "tags"):
        if name in fields and sorted(fields[name]) != sorted(post.get(name) or []):
            yield f"WordPress did not take all {name}."
    if fields["featured_media"] != post.get("featured_media", 0):
        yield "WordPress did not take the featured image."
    if post.get("status") != article.status:
        yield f"Asked for status '{article.status}', WordPress made it '{post.get('status')}'."

"""Publish articles to a WordPress site over its REST API: one post per article, whatever was lost, retried or changed on the way."""

import html
from dataclasses import replace
from typing import Any

from chalicelib.adapters.article_html import adapt, with_addresses
from chalicelib.adapters.safe_http import SafeHttp, Transport
from chalicelib.adapters.wordpress_client import TIMEOUT_SECONDS, WordPressClient
from chalicelib.adapters.wordpress_fields import date_of_update, differences, keep_of_the_site, meta_changes, post_fields
from chalicelib.adapters.wordpress_media import StoredImage, WordPressMedia
from chalicelib.adapters.wordpress_posts import WordPressPosts, numbered, wordpress_slug
from chalicelib.adapters.wordpress_reader import WordPressReader
from chalicelib.adapters.wordpress_terms import ROUTES, WordPressTerms
from chalicelib.core.errors import UpstreamRejected
from chalicelib.ports import Article, Check, RemotePost, Term

__all__ = ["PAGE", "POST", "WordPressPublisher", "wordpress_slug"]

NO_META = frozenset({"rest_cannot_update", "rest_forbidden_meta", "rest_meta_database_error", "rest_invalid_param"})
NOT_ANOTHERS = frozenset({"rest_cannot_edit_others", "rest_invalid_author"})
NEEDED = {"edit_posts": "edit posts", "publish_posts": "publish posts", "upload_files": "upload files"}
PAGE = "/wp/v2/pages"
POST = "/wp/v2/posts"
PRODUCT = "/wp/v2/product"
COLLECTIONS = {"post": POST, "page": PAGE, "product": PRODUCT}
NO_SHOP = "The site has no shop: its REST API knows no products. Activate WooCommerce there, or change the content's type."


class WordPressPublisher:
    """`ports.Publisher` and `ports.RemoteSite` on the REST API of WordPress 5.6 or newer, with an application password or our companion
    plugin's key.

    url: the site's address. http: `SafeHttp()` unless given; the local stage gives one that allows loopback.

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
        bridge_key: str = "",
        source_meta: str = "publisher_source_id",
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._client = WordPressClient(url, username, app_password, http or SafeHttp(), timeout_seconds, bridge_key=bridge_key)
        self._media, self._terms = WordPressMedia(self._client), WordPressTerms(self._client)
        self._posts, self._source_meta = WordPressPosts(self._client, source_meta), source_meta
        self._authors: dict[str, int | None] = {}
        # `ports.RemoteSite`
        reader = WordPressReader(self._client, source_meta)
        self.states, self.articles, self.terms, self.report_to = reader.states, reader.articles, reader.terms, reader.report_to

    def check(self) -> Check:
        """Look at the site's index and at the user's rights. Raises: UpstreamUnavailable."""
        hint = ""
        try:
            index = self._client.call("GET", "/").data
            namespaces = index.get("namespaces") if isinstance(index, dict) else None
            if not isinstance(namespaces, list) or "wp/v2" not in namespaces:
                return Check(False, "The address answers, but not as a WordPress with its REST API.")
            if "application-passwords" not in (index.get("authentication") or []):
                hint = " The site says that application passwords are switched off or that it is not reached by https."
            # A public GET would not notice a wrong password: it is answered as for anybody.
            user = next(iter(self._client.call("GET", "/wp/v2/users/me", query={"context": "edit"}).objects()), {})
            asked = self._client.call("GET", "/igny8/v1/site").objects() if "igny8/v1" in namespaces else []
            plugin = next(iter(asked), {})
        except UpstreamRejected as error:
            return Check(False, error.message + hint)
        capabilities = user.get("capabilities")
        granted = {name for name, yes in capabilities.items() if yes} if isinstance(capabilities, dict) else set()
        details = {
            "site": html.unescape(str(index.get("name", ""))),
            "url": index.get("url", ""),
            "user": user.get("name", ""),
            "roles": user.get("roles", []),
            "may_create_categories": "manage_categories" in granted,
            "keeps_html": "unfiltered_html" in granted,
            "plugin": plugin.get("plugin"),
            "seo_plugin": plugin.get("seo_plugin") or None,
            "reports_back": bool(plugin.get("reporting")),
            "shop": any(str(name).startswith("wc/") for name in namespaces),
            "timezone": index.get("timezone_string") or index.get("gmt_offset"),
        }
        lacking = [words for name, words in NEEDED.items() if name not in granted]
        if lacking:
            return Check(False, f"The WordPress user {details['user']} may not {', '.join(lacking)}.", {**details, "lacking": lacking})
        return Check(True, f"Connected to {details['site'] or 'the site'} as {details['user']}.", details)

    def refuses(self, content_type: str) -> str | None:
        """A product needs a shop whose products are in the REST API; every WordPress takes all else. Raises: as `publish`."""
        if content_type != "product":
            return None
        answer = self._client.call("GET", "/wp/v2/types/product", accept_codes=frozenset({"rest_type_invalid"}))
        return NO_SHOP if answer.code or not next(iter(answer.objects()), {}).get("rest_base") else None

    def publish(self, article: Article, known: RemotePost | None) -> RemotePost:
        """See `ports.Publisher.publish`. `content_type: taxonomy` sets the description of its first term.

        Raises: UpstreamUnavailable, UpstreamRejected.
        """
        if reason := self.refuses(article.content_type):
            raise UpstreamRejected(reason)
        own = {image.source: image.source for image in article.images if image.source}
        used = adapt(article.html, own, keep_relative_links=True, heading_ids=False).used
        featured = next((i for i in sorted(article.images, key=lambda i: i.position) if i.image_type == "featured"), None)
        if article.content_type == "taxonomy":
            featured = None
        shown = [i for i in article.images if i is featured or i.source in used]
        images = {image.filename: self._media.store(image, article.source_id) for image in shown}
        urls = {image.source: images[image.filename].url for image in shown if image.source}
        article = replace(article, json_ld=with_addresses(article.json_ld, urls))
        body = adapt(article.html, urls, keep_relative_links=True, heading_ids=False)
        notes = [f"Left out an image with an address of its own: {url[:120]}" for url in body.dropped]
        unused = [i.filename for i in article.images if i not in shown]
        if unused:
            notes.append(f"Not used in the text and so not uploaded: {', '.join(unused)}.")
        if known is not None and known.kind and _shelf(known.kind) != _shelf(article.content_type or "post"):
            self.withdraw(article.source_id, known)  # its type was changed: one of both is to be online
            known = None
        if article.content_type == "taxonomy":
            return self._publish_term(article, body.html, images, notes)
        kind = article.content_type or "post"
        route = COLLECTIONS[kind]
        terms, term_notes = self._terms.resolve(article.terms) if route == POST else ([], [])
        notes += term_notes
        fields = post_fields(article, body.html, terms, is_post=route == POST)
        fields["featured_media"] = int(images[featured.filename].external_id) if featured else 0
        notes += self._set_author(article, fields)
        post, author_notes = self._store(route, article, known, fields)
        notes += author_notes
        changed, meta_notes = self._write_meta(route, article, post)
        notes += [*meta_notes, *differences(article, fields, post)]
        return RemotePost(
            external_id=str(post["id"]),
            url=str(post.get("link", "")),
            status=str(post.get("status", "")),
            terms=tuple(t for t in terms if int(t.external_id or 0) in (post.get(ROUTES[t.taxonomy]) or [])),
            media={name: stored.external_id for name, stored in images.items()},
            notes=tuple(dict.fromkeys(notes)),
            kind=kind,
            modified_at=str(changed.get("modified_gmt") or ""),
        )

    def withdraw(self, source_id: str, known: RemotePost) -> bool:
        """Into the trash; of a term only the description goes. Raises: UpstreamUnavailable, UpstreamRejected."""
        if known.kind in ROUTES:
            return self._terms.clear(known.kind, known.external_id)
        return self._posts.trash(COLLECTIONS.get(known.kind, POST), known.external_id)

    def _store(self, route: str, article: Article, known: RemotePost | None, fields: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Create or update the post; without its author, and with a note, where the user may not write in another's name."""
        existing = self._posts.existing(route, article, known)
        if existing is not None and str(existing.get("slug", "")).removesuffix("__trashed") in numbered(fields["slug"])[1:]:
            fields.pop("slug")  # WordPress numbered it when it was created; asking again could change a public address
        if existing is not None:
            date_of_update(article, fields, existing)
            keep_of_the_site(article, fields, existing, known)
        place = f"{route}/{existing['id']}" if existing is not None else route
        answer = self._client.call("POST", place, query={"context": "edit"}, fields=fields, accept_codes=NOT_ANOTHERS)
        notes = []
        if answer.code:
            notes.append(f"The WordPress user may not publish in the name of {article.author}.")
            unnamed = {k: v for k, v in fields.items() if k != "author"}
            answer = self._client.call("POST", place, query={"context": "edit"}, fields=unnamed)
        post = answer.entry()
        return (post if existing is not None else self._posts.one_of_twins(route, article, post)), notes

    def _set_author(self, article: Article, fields: dict[str, Any]) -> list[str]:
        """The WordPress user of the author's name, where there is one; else the post is its publisher's own."""
        if not article.author:
            return []
        wanted = " ".join(article.author.split()).casefold()
        if wanted not in self._authors:
            query: dict[str, str | int] = {"search": article.author, "per_page": 20}
            found = self._client.call("GET", "/wp/v2/users", query=query, accept_codes=frozenset({"rest_user_cannot_view"})).entries()
            names = {" ".join(html.unescape(str(u.get("name", ""))).split()).casefold(): int(u["id"]) for u in found if "id" in u}
            self._authors[wanted] = names.get(wanted)
        if self._authors[wanted] is None:
            return [f"WordPress has no user named {article.author}; the post has its publisher for an author."]
        fields["author"] = self._authors[wanted]
        return []

    def _publish_term(self, article: Article, body: str, images: dict[str, StoredImage], notes: list[str]) -> RemotePost:
        term = next((t for t in article.terms if t.taxonomy in ROUTES), Term(article.title, article.slug, "category"))
        stored, more = self._terms.describe(term, body)
        found = replace(term, external_id=str(stored["id"]))
        media = {name: image.external_id for name, image in images.items()}
        return RemotePost(str(stored["id"]), str(stored.get("link", "")), "publish", (found,), media, (*notes, *more), term.taxonomy)

    def _write_meta(self, route: str, article: Article, post: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Store source id, SEO fields and structured data where the site has registered fields for them. The post as it is then, and notes.

        In a call of its own: WordPress refuses meta only after it has stored the post.
        """
        meta = post.get("meta")
        changed, lost = meta_changes(article, self._source_meta, meta if isinstance(meta, dict) else {})
        notes = [f"Not stored, the site has no field for it: {', '.join(lost)}. The companion plugin registers them."] if lost else []
        if changed:
            answer = self._client.call("POST", f"{route}/{post['id']}", fields={"meta": changed}, accept_codes=NO_META)
            if answer.code:
                notes.append(f"The site did not take the fields {', '.join(sorted(changed))}: {answer.said}")
            else:
                post = answer.entry()
        return post, notes


def _shelf(kind: str) -> str:
    """Where objects of a kind lie on the site: those of one shelf are updated in place."""
    return "terms" if kind in ROUTES or kind == "taxonomy" else COLLECTIONS.get(kind, POST)

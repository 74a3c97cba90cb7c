"""What a WordPress post is made of: the fields we send, the meta of SEO plugins and of ours, and what WordPress stored otherwise."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.adapters.wordpress_posts import marked, wordpress_slug
from chalicelib.adapters.wordpress_terms import ROUTES
from chalicelib.core.errors import UpstreamRejected
from chalicelib.ports import Article, RemotePost, Term

# Field of an article -> the meta keys that Yoast, Rank Math and our plugin keep it in.
SEO_FIELDS = {
    "meta_title": ("_yoast_wpseo_title", "rank_math_title", "igny8_meta_title"),
    "meta_description": ("_yoast_wpseo_metadesc", "rank_math_description", "igny8_meta_description"),
    "primary_keyword": ("_yoast_wpseo_focuskw", "rank_math_focus_keyword"),
}
JSON_LD = "igny8_json_ld"
CLOCKS_DIFFER = timedelta(minutes=2)  # a date a minute ahead of the site's clock makes a post wait for it


def post_fields(article: Article, body: str, terms: list[Term], *, is_post: bool) -> dict[str, Any]:
    """The fields of the post but its media and author. Raises: UpstreamRejected when it is scheduled for a time that has passed."""
    fields: dict[str, Any] = {"title": _as_html(article.title), "slug": wordpress_slug(article), "content": marked(body, article.source_id)}
    fields["status"] = article.status
    if is_post:
        fields["excerpt"] = _as_html(article.excerpt)
        for taxonomy, name in ROUTES.items():
            ids = [int(t.external_id or 0) for t in terms if t.taxonomy == taxonomy]
            if ids or taxonomy == "tag":  # a post without category gets the site's default one
                fields[name] = ids
    if article.status == "future" and (article.published_at is None or article.published_at <= datetime.now(UTC)):
        raise UpstreamRejected("An article is scheduled for a time that lies ahead.")
    if article.published_at is not None:
        fields["date_gmt"] = _gmt(article.published_at)
    return fields


def date_of_update(article: Article, fields: dict[str, Any], existing: dict[str, Any]) -> None:
    """A post keeps the date it was published with; one that waits for its date and is to be public gets one that has passed."""
    if article.status == "future":
        return
    if existing.get("status") != "future":
        fields.pop("date_gmt", None)
    elif article.status == "publish":
        fields["date_gmt"] = _gmt(min(article.published_at or datetime.now(UTC), datetime.now(UTC) - CLOCKS_DIFFER))


def keep_of_the_site(article: Article, fields: dict[str, Any], existing: dict[str, Any], known: RemotePost | None) -> None:
    """Take out of an update what is the site's own: a featured image that is none of ours, the address it knows (WordPress keeps other
    scripts' letters as `%d0%bf`), and that somebody there has published what we had left as a draft."""
    if not fields["featured_media"] and str(existing.get("featured_media") or 0) not in (known.media.values() if known else ()):
        fields.pop("featured_media")
    if existing.get("slug") and existing["slug"] == article.slug:
        fields.pop("slug", None)
    left_as_draft = fields["status"] == "draft" and known is not None and known.status == "draft"
    if left_as_draft and existing.get("status") in ("publish", "private", "future", "pending"):
        fields.pop("status")


def _gmt(moment: datetime) -> str:
    """For date_gmt: `date` would win if both were sent, and is in the site's time zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def meta_changes(article: Article, source_meta: str, registered: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """The meta to be written, of those keys the site has registered (others it drops without a word), and what has no place there."""
    wanted = {source_meta: article.source_id}
    lost = []
    for attribute, keys in SEO_FIELDS.items():
        value = getattr(article, attribute)
        if value and not any(key in registered for key in keys):
            lost.append(attribute)
        wanted.update({key: value for key in keys if value})
    if article.json_ld:
        wanted[JSON_LD] = json.dumps(article.json_ld, ensure_ascii=False)
        if JSON_LD not in registered:
            lost.append("structured data")
    return {key: value for key, value in wanted.items() if key in registered and not _stored(key, registered[key], value)}, lost


def _stored(key: str, stored: Any, value: str) -> bool:
    """WordPress's plugin writes JSON its own way."""
    if key != JSON_LD:
        return bool(stored == value)
    try:
        return bool(json.loads(str(stored)) == json.loads(value))
    except ValueError:
        return False


def differences(article: Article, fields: dict[str, Any], post: dict[str, Any]) -> Iterable[str]:
    """What WordPress stored otherwise than it was sent: it says 200 all the same."""
    raw = str((post.get("content") or {}).get("raw", ""))
    if raw.strip() != str(fields["content"]).strip():
        yield "WordPress changed the HTML: its user may not use everything in it, or a plugin filters it."
    if post.get("slug") and post["slug"] not in (wordpress_slug(article), article.slug):
        yield f"The address '{wordpress_slug(article)}' is taken there; WordPress made it '{post['slug']}'."
    for name in ("categories", "tags"):
        if name in fields and sorted(fields[name]) != sorted(post.get(name) or []):
            yield f"WordPress did not take all {name}."
    if "featured_media" in fields and fields["featured_media"] != post.get("featured_media", 0):
        yield "WordPress did not take the featured image."
    if "status" in fields and post.get("status") != article.status:
        yield f"Asked for status '{article.status}', WordPress made it '{post.get('status')}'."


def _as_html(text: str) -> str:
    """Plain text where WordPress expects HTML; an ampersand may stay as it is."""
    return text.replace("<", "&lt;").replace(">", "&gt;")

"""Publish articles as a small static site: a folder per article, an index, a sitemap and a feed, on S3 or in a local folder."""

import hashlib
import mimetypes
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from slugify import slugify

from chalicelib.adapters.article_html import adapt, plain_text, reading_minutes
from chalicelib.adapters.static_manifest import Entry, ListableFiles, Manifest
from chalicelib.adapters.static_pages import Site, article_page, feed, index_page, sitemap
from chalicelib.adapters.static_style import STYLESHEET
from chalicelib.adapters.system_clock import SystemClock
from chalicelib.core.errors import AppError, Retryable, UpstreamUnavailable
from chalicelib.ports import Article, ArticleImage, Check, Clock, RemotePost

REBUILDS = 20
EXCERPT_CHARACTERS = 180
SLUG_CHARACTERS = 80
WITHDRAWN = "withdrawn"  # of an entry whose page is deleted


class StaticSitePublisher:
    """`ports.Publisher` on files.

    files: where the site lives. prefix: the site's folder in it (one per tenant's site), or empty. base_url: the site's address without
    `index.html`; empty leaves out what needs an address; a `file://` one only names the pages in the answer.
    """

    target = "static"

    def __init__(self, files: ListableFiles, prefix: str, site_name: str, base_url: str = "", clock: Clock | None = None) -> None:
        self._files, self._prefix = files, f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._site = Site(site_name, base_url.rstrip("/"))
        self._manifest = Manifest(files, self._prefix)
        self._clock = clock or SystemClock()

    def check(self) -> Check:
        """Read the site's listing. Raises: UpstreamUnavailable."""
        try:
            _, entries = self._manifest.load()
        except Retryable:
            raise
        except AppError as error:
            return Check(False, f"The files of the site cannot be read: {error.message}")
        count = sum(1 for e in entries.values() if e.directory)
        return Check(True, f"The site can be read; it has {count} articles.", {"articles": count, "url": self._site.absolute("index.html")})

    def publish(self, article: Article, known: RemotePost | None) -> RemotePost:
        """Write the article's page and rebuild the index. `known` is not needed: the site itself knows its articles.

        Raises: UpstreamUnavailable.
        """
        now = self._clock.now()
        _, entries = self._manifest.load()
        slug = site_slug(article)
        old = entries.get(article.source_id) or Entry(article.source_id, slug)
        old = self._placed(old, slug, entries)
        directory = old.directory if old.slug == slug and old.directory else old.claim
        featured = next((i for i in sorted(article.images, key=lambda i: i.position) if i.image_type == "featured"), None)
        names = _filenames(article.images)
        local = {image.source: names[place] for place, image in enumerate(article.images) if image.source}
        body = adapt(article.html, local, keep_relative_links=False, heading_ids=True)
        stored = {
            f"{directory}/{names[place]}": image
            for place, image in enumerate(article.images)
            if image is featured or image.source in body.used
        }
        categories = [t.name for t in article.terms if t.taxonomy == "category"]
        page = f"{directory}/index.html"
        entry = replace(
            old,
            slug=slug,
            directory=directory,
            claim="",
            title=article.title,
            excerpt=article.excerpt or _shortened(plain_text(article.html)),
            language=article.language or "en",
            category=categories[0] if categories else "",
            status=article.status,
            generated_by=article.generated_by,
            minutes=reading_minutes(article.html),
            image=f"{directory}/{names[article.images.index(featured)]}" if featured else "",
            image_alt=featured.alt if featured else "",
            published_at=_iso(article.published_at) or old.published_at or _iso(now),
            updated_at=_iso(now),
            files=(page, *stored),
            stale=tuple(sorted({*old.files, *old.stale} - {page, *stored})),
        )
        for key, image in stored.items():
            self._files.put(self._prefix + key, image.data, image.mime)
        urls = {source: self._site.absolute(f"{directory}/{name}") or name for source, name in local.items()}
        tags = [t.name for t in article.terms if t.taxonomy == "tag"]
        self._put(page, article_page(article, entry, body, self._site, urls, tags))
        entry = self._manifest.put(entry)
        self._rebuild(now)
        self._remove_stale(entry)
        unused = [i.filename for i in article.images if i.source and i is not featured and i.source not in body.used]
        return RemotePost(
            external_id=article.source_id,
            url=f"{self._site.base_url}/{page}" if self._site.base_url else page,
            status=article.status,
            terms=tuple(replace(t, external_id=t.slug) for t in article.terms),
            media={image.filename: key for key, image in stored.items()},
            notes=tuple(_notes(article, directory, slug, body.dropped, unused, now)),
        )

    def withdraw(self, source_id: str, known: RemotePost) -> bool:
        """Delete the page and its images and take it out of index, sitemap and feed; its folder stays reserved for it."""
        _, entries = self._manifest.load()
        old = entries.get(source_id)
        if old is None or not old.files:
            return False
        stale = tuple(sorted({*old.files, *old.stale}))
        entry = self._manifest.put(replace(old, status=WITHDRAWN, files=(), image="", stale=stale))
        self._rebuild(self._clock.now())
        self._remove_stale(entry)
        return True

    def refuses(self, content_type: str) -> str | None:
        """Nothing: pages, products and descriptions of terms are pages here."""
        return None

    def _placed(self, own: Entry, slug: str, entries: dict[str, Entry]) -> Entry:
        """The entry with a folder nobody else has: its present one, or a claimed new one.

        Whoever sees another's claim on a folder gives way, also when the other gives way too: so two publishers at work at the same
        time can never both take it. The second choice carries a digest of the source id and needs no claim to be free.
        """
        if own.directory and own.slug == slug:
            return own
        if slug not in _folders_of_others(own, entries.values()):
            own = self._manifest.put(replace(own, claim=slug))
            _, entries = self._manifest.load()
            if slug not in _folders_of_others(own, entries.values()):
                return own
        return replace(own, claim=f"{slug}-{hashlib.sha256(own.source_id.encode()).hexdigest()[:10]}")

    def _rebuild(self, now: datetime) -> None:
        """Write index, sitemap and feed from what is stored, again until nothing has changed meanwhile: so the last writer has seen all."""
        for _ in range(REBUILDS):
            names, entries = self._manifest.load()
            # ISO times with one offset sort as text; the source id makes the order of equal times the same everywhere.
            shown = sorted((e for e in entries.values() if _is_listed(e, now)), key=lambda e: (e.published_at, e.source_id), reverse=True)
            self._manifest.summarise(names)
            self._put("style.css", STYLESHEET)
            self._put("index.html", index_page(self._site, shown))
            if self._site.absolute(""):
                self._put("sitemap.xml", sitemap(self._site, shown))
                self._put("feed.xml", feed(self._site, shown))
            if self._manifest.names() == names:
                return
        raise UpstreamUnavailable("Too many articles are being published at the same time.", retry_after_seconds=5)

    def _remove_stale(self, entry: Entry) -> None:
        """Delete what the article no longer uses, after the index has stopped to point there; then free its folders."""
        if not entry.stale:
            return
        for key in entry.stale:
            self._files.delete(self._prefix + key)
        self._manifest.put(replace(entry, stale=()))

    def _put(self, key: str, text: str) -> None:
        mime = mimetypes.types_map.get(PurePosixPath(key).suffix, "text/plain")
        self._files.put(self._prefix + key, text.encode(), f"{mime}; charset=utf-8")


def site_slug(article: Article) -> str:
    """The folder an article asks for: its slug in [a-z0-9-], which can be no other file of the site."""
    return slugify(article.slug, max_length=SLUG_CHARACTERS) or f"article-{hashlib.sha256(article.source_id.encode()).hexdigest()[:10]}"


def _folders_of_others(own: Entry, entries: Iterable[Entry]) -> set[str]:
    return {folder for e in entries if e.source_id != own.source_id for folder in e.folders()}


def _is_listed(entry: Entry, now: datetime) -> bool:
    return bool(entry.directory) and entry.status not in ("draft", WITHDRAWN) and datetime.fromisoformat(entry.published_at) <= now


def _iso(when: datetime | None) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when else ""


def _shortened(text: str) -> str:
    return text if len(text) <= EXCERPT_CHARACTERS else text[:EXCERPT_CHARACTERS].rsplit(" ", 1)[0].rstrip(" ,;:.-") + "\u2026"


def _filenames(images: Iterable[ArticleImage]) -> list[str]:
    """A file name per image, in order: safe in a URL and on a disk, no two the same."""
    names: list[str] = []
    for image in images:
        pure = PurePosixPath(image.filename.replace("\\", "/"))
        suffix = mimetypes.guess_extension(image.mime) or ".bin"
        stem = slugify(pure.stem, max_length=SLUG_CHARACTERS) or f"{image.image_type}-{image.position}".replace("_", "-")
        name, number = stem + suffix, 2
        while name in names:
            name, number = f"{stem}-{number}{suffix}", number + 1
        names.append(name)
    return names


def _notes(article: Article, directory: str, slug: str, dropped: Iterable[str], unused: list[str], now: datetime) -> list[str]:
    notes = [f"Left out an address that leads nowhere on this site: {url[:120]}" for url in dropped]
    if directory != slug:
        notes.append(f"The address '{slug}' is taken by another article; this one is at '{directory}'.")
    if unused:
        notes.append(f"Not used in the text and so not stored: {', '.join(unused)}.")
    if article.status == "draft":
        notes.append("A static site has no drafts: the page is stored, kept out of index, sitemap and feed, and marked noindex.")
    elif article.published_at and article.published_at > now:
        notes.append("The page can be read already; it joins the index with the first publication after its date.")
    return notes

"""The media library of a WordPress site: every image is uploaded once, found again by its slug, and has its alternative text."""

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from slugify import slugify

from chalicelib.adapters.wordpress_client import WordPressClient
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable
from chalicelib.ports import ArticleImage

STEM_CHARACTERS = 60
CRASH_HEADER = "X-WP-Upload-Attachment-ID"


@dataclass(frozen=True)
class StoredImage:
    external_id: str
    url: str


class WordPressMedia:
    def __init__(self, client: WordPressClient) -> None:
        self._client = client

    def store(self, image: ArticleImage, source_id: str) -> StoredImage:
        """Upload the image unless it is there already, and set its alternative text.

        The slug carries a digest of article and bytes: the same image is found again, a redrawn one becomes a new attachment.

        Raises: UpstreamUnavailable, UpstreamRejected (too large, type not allowed, no right to upload).
        """
        slug = media_slug(image, source_id)
        found = self._client.call("GET", "/wp/v2/media", query={"slug": slug, "context": "edit"}).entries()
        remote = next((item for item in found if item.get("slug") == slug and item.get("source_url")), None) or self._upload(image, slug)
        if str(remote.get("alt_text", "")) != image.alt:
            remote = self._client.call("POST", f"/wp/v2/media/{remote['id']}", fields={"alt_text": image.alt}).entry()
        if not remote.get("source_url"):
            raise UpstreamRejected("WordPress stored an image and does not say where.")
        return StoredImage(str(remote["id"]), str(remote["source_url"]))

    def _upload(self, image: ArticleImage, slug: str) -> dict[str, Any]:
        suffix = mimetypes.guess_extension(image.mime) or PurePosixPath(image.filename).suffix or ".bin"
        answer = self._client.call("POST", "/wp/v2/media", upload=(image.data, image.mime, slug + suffix), accept_header=CRASH_HEADER)
        if answer.status < 400:
            return answer.entry()
        # The file is stored; making the smaller sizes crashed. WordPress lets us resume that instead of uploading again.
        # Source: WordPress REST API handbook, media, post-process (used by the block editor in the same way).
        attachment = answer.headers[CRASH_HEADER.lower()]
        if not attachment.isdigit():
            raise UpstreamUnavailable("WordPress failed while it stored an image.")
        route = f"/wp/v2/media/{attachment}"
        return self._client.call("POST", f"{route}/post-process", fields={"action": "create-image-subsizes"}).entry()


def media_slug(image: ArticleImage, source_id: str) -> str:
    """The attachment's slug and file name, in [a-z0-9-] so that WordPress leaves it as it is."""
    stem = slugify(PurePosixPath(image.filename).stem, max_length=STEM_CHARACTERS, word_boundary=True) or "image"
    return f"{stem}-{hashlib.sha256(source_id.encode() + b'|' + image.data).hexdigest()[:12]}"

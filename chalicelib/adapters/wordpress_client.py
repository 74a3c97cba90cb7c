"""Speak to a WordPress REST API with an application password, and say in plain words what a site answers when it does not work."""

import base64
import contextlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from chalicelib.adapters.safe_http import HttpAnswer, Transport, retry_after_seconds
from chalicelib.adapters.wordpress_shapes import sound, whole
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable

TIMEOUT_SECONDS = 60.0
SAID_CHARACTERS = 200
# What people paste instead of the site's address.
OWN_PATHS = re.compile(r"/(wp-json|wp-admin|wp-login\.php|xmlrpc\.php|index\.php)(/.*)?$")
NOTICES_CHARACTERS = 64_000
STARTS_TRIED = 200
# What PHP's upload limits look like from outside, each seen on WordPress 6.8.
TOO_LARGE = frozenset({"rest_upload_unknown_error", "rest_upload_no_content_disposition", "rest_upload_file_too_big"})


@dataclass(frozen=True)
class WordPressAnswer:
    """An answer in JSON. code: WordPress's error code, empty on success. data: object or list, as decoded."""

    status: int
    data: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        return str(self.data.get("code", "")) if isinstance(self.data, dict) and self.status >= 400 else ""

    @property
    def said(self) -> str:
        """What WordPress says, for a person."""
        message = self.data.get("message", "") if isinstance(self.data, dict) else ""
        words = re.sub(r"<[^<>]*>", " ", str(message)[: 20 * SAID_CHARACTERS])  # a page of markup may stand before the first word
        return " ".join(html.unescape(words).split())[:SAID_CHARACTERS]

    def objects(self) -> list[dict[str, Any]]:
        """The answer as a list of objects; a single object is a list of one."""
        found = self.data if isinstance(self.data, list) else [self.data]
        return [item for item in found if isinstance(item, dict)]

    def entries(self) -> list[dict[str, Any]]:
        """Those of the objects that are something on the site: with an id, and with parts in their shapes."""
        return [entry for item in self.objects() if (entry := sound(item)) is not None]

    def entry(self) -> dict[str, Any]:
        """The one that was asked for or made. Raises: UpstreamRejected."""
        found = self.entries()
        if not found:
            raise UpstreamRejected(f"WordPress answers ({self.status}) without the object it was asked for: a plugin changes its answers.")
        return found[0]


class WordPressClient:
    """One site and one user.

    bridge_key: the companion plugin's key, used instead of user name and password when it is given; it also passes servers that drop the
    Authorization header.
    url: the site's address as its owner types it. `?rest_route=` is used throughout: `/wp-json/` works only with pretty permalinks.
    http: sends requests; it must not follow redirects (a redirected POST becomes a GET that creates nothing and answers 200).
    """

    def __init__(
        self,
        url: str,
        username: str,
        app_password: str,
        http: Transport,
        timeout_seconds: float = TIMEOUT_SECONDS,
        *,
        bridge_key: str = "",
    ) -> None:
        self._url = OWN_PATHS.sub("", url.strip().split("#")[0].split("?")[0]).rstrip("/") + "/"
        self._host = urlsplit(url).hostname or url
        # UTF-8 bytes: user names outside Latin-1 exist.
        token = base64.b64encode(f"{username}:{app_password}".encode()).decode("ascii")
        login = {"X-IGNY8-Key": bridge_key} if bridge_key else {"Authorization": f"Basic {token}"}
        # X-IGNY8-Client: our plugin does not report back what we do ourselves.
        self._headers = {**login, "Accept": "application/json", "X-IGNY8-Client": "igny8"}
        self._login = "key of the IGNY8 Bridge plugin" if bridge_key else "user name and application password"
        self._http, self._timeout_seconds = http, timeout_seconds

    def call(
        self,
        method: str,
        route: str,
        *,
        query: Mapping[str, str | int] | None = None,
        fields: Mapping[str, Any] | None = None,
        upload: tuple[bytes, str, str] | None = None,
        accept_codes: frozenset[str] = frozenset(),
        accept_header: str = "",
    ) -> WordPressAnswer:
        """Call a route and return its answer.

        route: for example `/wp/v2/posts`. fields: sent as JSON. upload: (bytes, MIME type, file name). accept_codes: WordPress error codes
        that the caller handles itself; their answers are returned. accept_header: an answer with this header is returned in any case.

        Raises: UpstreamRejected; UpstreamUnavailable (of a call that writes: nothing is known about its outcome).
        """
        url = self._url + "?" + urlencode({"rest_route": route, **(query or {})})
        headers, body = dict(self._headers), None
        if upload is not None:
            body, mime, filename = upload
            headers |= {"Content-Type": mime, "Content-Disposition": f'attachment; filename="{filename}"'}
        elif fields is not None:
            body = json.dumps(fields).encode()
            headers["Content-Type"] = "application/json"
        answer = self._http.request(method, url, headers=headers, body=body, timeout_seconds=self._timeout_seconds)
        if 300 <= answer.status < 400:
            place = answer.headers.get("location", "")[:SAID_CHARACTERS].split("?")[0]
            raise UpstreamRejected(f"{self._host} redirects to {place}. Enter the address that the site really has.")
        decoded = _decoded(answer)
        result = WordPressAnswer(answer.status, decoded, answer.headers)
        if answer.status < 400 and decoded is not None:
            return result
        if (result.code and result.code in accept_codes) or (accept_header and accept_header.lower() in answer.headers):
            return result
        raise self._error(result, answer)

    def _error(self, result: WordPressAnswer, answer: HttpAnswer) -> UpstreamRejected | UpstreamUnavailable:
        status, host = answer.status, self._host
        said = f" WordPress says: {result.said} ({result.code})" if result.code else ""
        if status in (408, 425, 429, 503):
            wait = retry_after_seconds(answer.headers)
            why = "is in maintenance or overloaded" if status == 503 else "asks us to wait"
            return UpstreamUnavailable(f"{host} {why} ({status}).{said}", retry_after_seconds=wait)
        if status == 413 or result.code in TOO_LARGE:
            return UpstreamRejected(f"{host} does not accept a file this large ({status}). Raise its limit or use smaller images.{said}")
        if status >= 500:
            return UpstreamUnavailable(f"{host} failed ({status}).{said}")
        if status == 401:
            mend = (
                "Make a new one under Settings, IGNY8 Bridge."
                if "key" in self._login
                else "Make a new application password in the user's profile, and check that no plugin turns them off and that the server "
                "passes the Authorization header on."
            )
            return UpstreamRejected(f"{host} does not accept the {self._login}. {mend}{said}")
        if status == 403:
            if not result.code:
                return UpstreamRejected(f"{host} forbids access (403), not WordPress itself: a firewall or security plugin is in the way.")
            return UpstreamRejected(f"The WordPress user is not allowed to do this.{said}")
        if result.code == "rest_no_route":
            return UpstreamRejected(f"{host} has no such REST route; it is too old or a plugin has switched the route off.{said}")
        if result.code:
            return UpstreamRejected(f"{host} refuses ({status}).{said}")
        return UpstreamRejected(
            f"{host} does not answer with JSON ({status}, {answer.content_type or 'no type'}): no WordPress, or its REST API is blocked."
        )


def _decoded(answer: HttpAnswer) -> Any:
    """The JSON of an answer, also when notices of plugins come before it; None when it is none.

    A notice makes PHP send `text/html`, so the type decides only about clean answers: in any other the JSON has to reach to the end.
    """
    text = answer.body.decode("utf-8-sig", errors="replace").strip()
    if answer.content_type in ("application/json", "application/problem+json", "text/json"):
        with contextlib.suppress(ValueError, RecursionError):  # notices may come before the JSON, see below
            return whole(json.loads(text))
    decoder = json.JSONDecoder()
    starts = [place for place, c in enumerate(text[:NOTICES_CHARACTERS]) if c in "{["]
    for at in starts[:STARTS_TRIED]:
        try:
            data, end = decoder.raw_decode(text, at)
            data = whole(data) if end == len(text) else None
        except (ValueError, RecursionError):
            continue
        if end == len(text) and isinstance(data, dict | list):
            return data
    return None

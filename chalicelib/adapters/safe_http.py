"""HTTP to addresses that users typed in: checked, pinned to the checked address, no redirects, bounded in size and in time.

Everything that calls an outside server whose address is a setting goes through here: WordPress, webhooks, OpenAI-compatible
servers.
"""

import contextlib
import http.client
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

from chalicelib.adapters.url_safety import Resolve, Target, UrlRefused, checked, is_loopback, is_public
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable

MAX_BYTES = 10_000_000
CHUNK_BYTES = 65_536
CONNECT_TIMEOUT_SECONDS = 8.0
TIMEOUT_SECONDS = 60.0
USER_AGENT = "igny8-serverless"

__all__ = ["HttpAnswer", "SafeHttp", "Transport", "UrlRefused", "retry_after_seconds"]


@dataclass(frozen=True)
class HttpAnswer:
    """One answer of a server. headers: names in lower case; of a repeated header the last."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


class Transport(Protocol):
    """What an adapter needs of HTTP; `SafeHttp` is the one for production."""

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> HttpAnswer: ...  # fmt: skip


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long an answer asks us to wait; None when it does not say. Understands `retry-after-ms`, seconds and HTTP dates.

    Source: RFC 9110 section 10.2.3.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if value.replace(".", "", 1).isdigit():
            return float(value) * unit
    try:
        then = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


class _Deadline:
    """Ends a whole request, whatever it waits for: a socket's own timeout counts from byte to byte, so that drops could drip for ever."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._sock: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self.expired = False

    def __enter__(self) -> "_Deadline":
        self._timer.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._timer.cancel()

    def remaining(self) -> float:
        return self._end - time.monotonic()

    def watch(self, sock: socket.socket) -> None:
        """Name the socket to shut when time is over."""
        self._sock = sock

    def _expire(self) -> None:
        self.expired = True
        if self._sock is not None:
            # The plain shutdown, not SSLSocket's, which takes the TLS object away from under the reading thread. A socket that is
            # closed already needs no waking.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)


class _Pinned(http.client.HTTPConnection):
    """A connection to one checked address, while Host, TLS server name and certificate check stay with the host's name."""

    def __init__(self, target: Target, address: str, timeout: float, tls: ssl.SSLContext, deadline: _Deadline, loopback: bool) -> None:
        super().__init__(target.host, target.port, timeout=timeout)
        # http.client leaves the port out of the Host header when it is the scheme's own.
        self.default_port = 443 if target.scheme == "https" else 80
        self._target, self._address, self._tls, self._deadline, self._loopback = target, address, tls, deadline, loopback

    def connect(self) -> None:
        connection = socket.create_connection((self._address, self._target.port), self.timeout)
        try:
            self._deadline.watch(connection)
            peer = str(connection.getpeername()[0])
            if not (is_public(peer) or (self._loopback and is_loopback(peer))):
                raise UrlRefused(f"{self._target.host} does not lead to the public internet.")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._target.scheme == "https":
                connection = self._tls.wrap_socket(connection, server_hostname=self._target.host, do_handshake_on_connect=False)
                self._deadline.watch(connection)
                connection.do_handshake()
            self.sock = connection
        except BaseException:
            connection.close()
            raise


class SafeHttp:
    """Sends one request to a URL of a user.

    allow_loopback: the local stage alone. timeout_seconds of a request bounds all of it but the name's look-up: connecting, waiting
    and reading, however slowly the bytes drip. max_bytes: of an answer's body, uncompressed. tls: for tests with their own authority.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        max_bytes: int = MAX_BYTES,
        resolve: Resolve = socket.getaddrinfo,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_loopback, self._max_bytes = allow_loopback, max_bytes
        self._resolve, self._tls = resolve, tls

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> HttpAnswer:
        """Send one request and return the answer, whatever its status; redirects are returned, never followed.

        Raises: UrlRefused; UpstreamRejected (certificate not valid, answer too large); UpstreamUnavailable (no connection, timeout, cut).
        """
        target = checked(url, resolve=self._resolve, allow_loopback=self._allow_loopback)
        tls = self._tls = self._tls or ssl.create_default_context()
        with _Deadline(timeout_seconds) as deadline:
            late = f"{target.host} did not answer within {timeout_seconds:g} seconds."
            try:
                answer = self._exchange(self._connected(target, tls, deadline), method, target, dict(headers or {}), body)
            except (OSError, http.client.HTTPException) as error:
                if deadline.expired or isinstance(error, TimeoutError):
                    raise UpstreamUnavailable(late) from error
                raise UpstreamUnavailable(f"The connection to {target.host} was cut ({type(error).__name__}).") from error
            if deadline.expired:
                raise UpstreamUnavailable(late)
            return answer

    def _exchange(self, connection: _Pinned, method: str, target: Target, headers: dict[str, str], body: bytes | None) -> HttpAnswer:
        try:
            sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Connection": "close", **headers}
            connection.request(method, target.path, body=body, headers=sent)
            with connection.getresponse() as response:  # which holds the socket of an answer that is not read to its end
                return HttpAnswer(response.status, {k.lower(): v for k, v in response.getheaders()}, self._read(response, target.host))
        finally:
            connection.close()

    def _connected(self, target: Target, tls: ssl.SSLContext, deadline: _Deadline) -> _Pinned:
        """A connection to the first address that takes one. Raises: see `request`."""
        last: OSError | None = None
        for address in target.addresses:
            remaining = deadline.remaining()
            if remaining <= 0:
                break
            connection = _Pinned(target, address, min(CONNECT_TIMEOUT_SECONDS, remaining), tls, deadline, self._allow_loopback)
            try:
                connection.connect()
            except ssl.SSLCertVerificationError as error:
                raise UpstreamRejected(f"The certificate of {target.host} is not valid: {error.verify_message}.") from error
            except OSError as error:
                last = error
                continue
            connection.sock.settimeout(max(0.1, deadline.remaining()))
            return connection
        raise UpstreamUnavailable(f"{target.host} cannot be reached ({type(last).__name__ if last else 'time is over'}).") from last

    def _read(self, response: http.client.HTTPResponse, host: str) -> bytes:
        """The body, at most `max_bytes`, also when it was compressed without being asked to."""
        encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
        if encoding not in ("identity", "gzip", "deflate"):
            raise UpstreamRejected(f"{host} answers in an encoding that was not asked for ({encoding[:20]}).")
        unpack = None if encoding == "identity" else zlib.decompressobj(32 + zlib.MAX_WBITS)
        parts: list[bytes] = []
        room = self._max_bytes
        while chunk := response.read(CHUNK_BYTES):
            if unpack is not None:
                try:
                    chunk = unpack.decompress(chunk, room + 1)
                except zlib.error as error:
                    raise UpstreamRejected(f"{host} answers with broken compression.") from error
            room -= len(chunk)
            if room < 0:
                raise UpstreamRejected(f"The answer of {host} is larger than {self._max_bytes // 1_000_000} MB.")
            parts.append(chunk)
        if response.length:  # http.client takes a body that ends early for a whole one when it is read in pieces
            raise http.client.IncompleteRead(b"", response.length)
        return b"".join(parts)

"""Hostile addresses, hostile resolvers and hostile servers: none leads inside, none holds us longer or feeds us more than allowed."""

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.safe_http import SafeHttp, retry_after_seconds
from chalicelib.adapters.url_safety import UrlRefused, checked, is_public
from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable
from tests.adapters.scripted_server import LoopbackServer, Reply

PUBLIC = "93.184.216.34"


def resolver(*addresses: str) -> Any:
    return lambda host, port, type=0: [(socket.AF_INET, type, 6, "", (address, port)) for address in addresses]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)", "//example.com/",
        "", "example.com", "https://", "https:///x", "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/",
        "https://0177.0.0.1/", "https://0x7f.1/", "https://1.2.3.0x4/", "https://[::1]/", "https://[::ffff:169.254.169.254]/",
        "https://[fe80::1%25eth0]/", "https://[::]/", "https://0/", "https://①②⑦.⓪.⓪.①/", "https://\uff11\uff12\uff17.0.0.1/", "https://93.184.216.34/",
        "https://localhost/", "https://LOCALHOST./", "https://localhost.localdomain.localhost/", "https://printer/", "https://nas.local/",
        "https://metadata.google.internal/", "https://router.lan/", "https://x.home/", "https://10.in-addr.arpa/", "https://a@example.com/",
        "https://user:pass@example.com/", "https://example.com@127.0.0.1/", "https://example.com\\@127.0.0.1/", "https://exa mple.com/",
        "https://example.com/\r\nHost: x", "https://example.com/a\tb", "https://example.com/\x00", "https://example.com:22/",
        "https://example.com:80/", "https://example.com:6379/", "https://example.com:0/", "https://example.com:99999/", "https://example.com:x/",
        "https://exam%70le.com/", "https://[v1.x]/", "https://[::1/", "https://.com/", "https://a..com/", "https://" + "a" * 70 + ".com/",
        "https://example.com/" + "a" * 2000,
    ],
)  # fmt: skip
def test_hostile_addresses_are_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        checked(url, resolve=resolver(PUBLIC))


PRIVATE = [
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "169.254.170.2",
    "100.64.0.1", "0.0.0.0", "0.1.2.3", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16", "::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "::ffff:0:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "100::1", "3fff::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_names_that_lead_inside_are_refused_also_when_another_address_is_public(address: str) -> None:
    assert not is_public(address)
    for answer in ((address,), (PUBLIC, address), (address, PUBLIC)):
        with pytest.raises(UrlRefused):
            checked("https://example.com/", resolve=resolver(*answer))
    if not ip_address(address.split("%")[0]).is_loopback and address != "::ffff:127.0.0.1":
        with pytest.raises(UrlRefused):
            checked("https://localhost/", resolve=resolver(address), allow_loopback=True)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"])
def test_public_addresses_are_allowed(address: str) -> None:
    target = checked("https://Exämple.com:8443/a b".replace(" ", "%20") + "/ü?q=[1]&x=é#part", resolve=resolver(address))
    assert (target.host, target.port, target.addresses) == ("xn--exmple-cua.com", 8443, (address,))
    assert target.path == "/a%20b/%C3%BC?q=[1]&x=%C3%A9"


def test_a_resolver_in_trouble_may_be_asked_again_and_an_unknown_name_not() -> None:
    def fails(code: int) -> Any:
        def resolve(*args: object, **named: object) -> Any:
            raise socket.gaierror(code, "x")

        return resolve

    with pytest.raises(UpstreamUnavailable):
        checked("https://example.com/", resolve=fails(socket.EAI_AGAIN))
    with pytest.raises(UrlRefused):
        checked("https://example.com/", resolve=fails(socket.EAI_NONAME))
    with pytest.raises(UrlRefused):
        checked("https://example.com/", resolve=resolver())


def test_loopback_is_for_the_local_stage_alone() -> None:
    with LoopbackServer([Reply(200, b"here")]) as server:
        with pytest.raises(UrlRefused):
            SafeHttp().request("GET", server.url)
        assert SafeHttp(allow_loopback=True).request("GET", server.url).body == b"here"
        assert len(server.asked) == 1
    for url in ("http://10.0.0.1/", "http://example.com/", "http://169.254.169.254/latest/", "https://printer/"):
        with pytest.raises(UrlRefused):
            SafeHttp(allow_loopback=True, resolve=resolver("10.0.0.1")).request("GET", url)


def test_the_name_is_resolved_once_and_the_checked_address_is_used() -> None:
    """DNS rebinding: a second look-up would lead elsewhere; there is none."""
    answers = iter(["127.0.0.1", "10.0.0.1"])
    asked: list[str] = []

    def resolve(host: str, port: int, type: int = 0) -> Any:
        asked.append(host)
        return [(socket.AF_INET, type, 6, "", (next(answers), port))]

    with LoopbackServer([Reply(200, b"ok")]) as server:
        port = server.url.rsplit(":", 1)[1]
        answer = SafeHttp(allow_loopback=True, resolve=resolve).request("GET", f"http://localhost:{port}/x?y=1")
        assert answer.body == b"ok" and asked == ["localhost"]
        assert server.asked[0].headers["host"] == f"localhost:{port}" and server.asked[0].query == {"y": "1"}


def test_redirects_are_returned_and_not_followed() -> None:
    with LoopbackServer([Reply(302, b"", {"Location": "http://169.254.169.254/"})]) as server:
        answer = SafeHttp(allow_loopback=True).request("POST", server.url, body=b"x")
        assert (answer.status, answer.headers["location"], len(server.asked)) == (302, "http://169.254.169.254/", 1)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"x" * 2000),
        Reply(200, gzip.compress(b"x" * 5_000_000), {"Content-Encoding": "gzip"}),
        Reply(200, b"x", {"Content-Encoding": "br"}),
        Reply(200, b"not gzip at all", {"Content-Encoding": "gzip"}),
    ],
)
def test_answers_too_large_or_badly_packed_are_refused(reply: Reply) -> None:
    with LoopbackServer([reply]) as server, pytest.raises(UpstreamRejected):
        SafeHttp(allow_loopback=True, max_bytes=1000).request("GET", server.url)


def test_compression_nobody_asked_for_is_undone() -> None:
    with LoopbackServer([Reply(200, gzip.compress(b"text" * 100), {"Content-Encoding": "gzip"})]) as server:
        assert SafeHttp(allow_loopback=True).request("GET", server.url).body == b"text" * 100
        assert server.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "reply",
    [Reply(body=b"x" * 100, cut_after=50), Reply(body=b"x" * 100, cut_after=0), Reply(hang=True), Reply(body=b"x" * 10_000, drip=True)],
)
def test_cut_silent_and_dripping_servers_end_in_time(reply: Reply) -> None:
    with LoopbackServer([reply]) as server, pytest.raises(UpstreamUnavailable):
        SafeHttp(allow_loopback=True).request("GET", server.url, timeout_seconds=0.4)


def test_nobody_there_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        with pytest.raises(UpstreamUnavailable, match="cannot be reached"):
            SafeHttp(allow_loopback=True).request("GET", f"http://127.0.0.1:{taken.getsockname()[1]}/")


def test_header_values_cannot_smuggle_lines() -> None:
    with LoopbackServer([Reply()]) as server:
        with pytest.raises(ValueError, match="Invalid header value"):
            SafeHttp(allow_loopback=True).request("GET", server.url, headers={"X-Name": "a\r\nX-Other: b"})
        assert server.asked == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "2"}, 2.0), ({"retry-after-ms": "250", "retry-after": "9"}, 0.25), ({"retry-after": "-5"}, None), ({}, None),
     ({"retry-after": "soon"}, None), ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0), ({"retry-after": "1.5"}, 1.5)],
)  # fmt: skip
def test_retry_after_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == seconds


class TlsServer:
    """A TLS server on loopback with a certificate for one name. It notes the server name of the handshake and the request."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.name: str | None = None
        self.request = b""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.sni_callback = self._note  # type: ignore[assignment]
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _note(self, sock: object, name: str | None, context: object) -> None:
        self.name = name

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            try:
                with self._context.wrap_socket(connection, server_side=True) as tls:
                    self.request = tls.recv(4096)
                    tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            except OSError:  # a client that does not trust us hangs up
                return

    def close(self) -> None:
        self._thread.join(10)
        self._socket.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Iterator[Any]:
    """A function that makes a self-signed certificate for a name: (certificate file, key file)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def make(name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        files = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        return files

    yield make


def test_tls_is_checked_against_the_name_although_the_address_is_pinned(certificate: Any) -> None:
    files = certificate("localhost")
    trusting = ssl.create_default_context(cafile=str(files[0]))
    server = TlsServer(*files)
    answer = SafeHttp(allow_loopback=True, resolve=resolver("127.0.0.1"), tls=trusting).request("GET", f"https://localhost:{server.port}/")
    server.close()
    assert answer.body == b"hi" and server.name == "localhost"
    assert f"Host: localhost:{server.port}\r\n".encode() in server.request


def test_a_certificate_of_another_name_or_of_nobody_we_trust_is_refused(certificate: Any) -> None:
    other = certificate("other.example")
    for tls in (ssl.create_default_context(cafile=str(other[0])), ssl.create_default_context()):
        server = TlsServer(*other)
        with pytest.raises(UpstreamRejected, match="certificate of localhost is not valid"):
            SafeHttp(allow_loopback=True, resolve=resolver("127.0.0.1"), tls=tls).request("GET", f"https://localhost:{server.port}/")
        server.close()
        assert server.request == b"", "nothing was said to it"

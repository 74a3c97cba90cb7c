"""Decide whether a URL somebody typed in may be called, because a server that calls any URL can be led to its own network.

Every check is on what will really be used: the name is resolved once, all of its addresses are judged, and the caller connects
to one of those addresses, so that a second DNS answer cannot lead elsewhere.
"""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from chalicelib.core.errors import UpstreamRejected, UpstreamUnavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[..., list[Any]]

MAX_URL_CHARACTERS = 2000
PORTS = frozenset({443, 8443})
PATH_CHARACTERS = "/%:@!$&'()*+,;=~-._[]"
LOCAL_SUFFIXES = (".local", ".internal", ".localhost", ".arpa", ".home", ".lan", ".corp", ".intranet", ".onion")

# Beyond what `ipaddress` calls not global: ranges that carry another address inside (NAT64, 6to4, Teredo, ISATAP-like), ranges
# clouds and carriers use inside, and the metadata addresses of AWS.
# Source: IANA special-purpose address registries (RFC 6890 and its updates); RFC 6052, RFC 8215 (NAT64); RFC 3056 (6to4).
REFUSED_NETWORKS = tuple(
    ipaddress.ip_network(n)
    for n in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "168.63.129.16/32",
        "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
        "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip


class UrlRefused(UpstreamRejected):
    """The URL is not one we call."""

    default = "This address cannot be used."


@dataclass(frozen=True)
class Target:
    """Where a checked URL leads. addresses: all judged harmless, in the resolver's order. path: percent-encoded, with its query."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]


def _plain(address: str) -> Address:
    """The address that is really reached: without a zone, and IPv4 inside IPv6 (`::ffff:10.0.0.1`) as IPv4."""
    ip = ipaddress.ip_address(address.split("%")[0])
    return ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped else ip


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet. address: IPv4 or IPv6 as text, a zone (`%eth0`) allowed."""
    ip = _plain(address)
    if any(ip.version == network.version and ip in network for network in REFUSED_NETWORKS):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own loopback."""
    return _plain(address).is_loopback


def _ascii_host(name: str) -> str:
    try:
        host = name.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise UrlRefused("The address has a host name that does not exist.") from error
    if not host or any(c not in "abcdefghijklmnopqrstuvwxyz0123456789-._" for c in host):
        raise UrlRefused("The address has a host name that does not exist.")
    return host


def _resolved(host: str, port: int, resolve: Resolve) -> tuple[str, ...]:
    try:
        found = resolve(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        # EAI_AGAIN is the resolver's own trouble; anything else says that there is no such name.
        if error.errno == socket.EAI_AGAIN:
            raise UpstreamUnavailable(f"The name {host} cannot be looked up at present.") from error
        raise UrlRefused(f"There is no host named {host}.") from error
    except (OSError, UnicodeError) as error:
        raise UrlRefused(f"There is no host named {host}.") from error
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def checked(url: str, *, resolve: Resolve = socket.getaddrinfo, allow_loopback: bool = False) -> Target:
    """Judge a URL and resolve its name, once.

    url: absolute; https, port 443 or 8443, a public DNS name. resolve: like `socket.getaddrinfo`. allow_loopback: the local stage
    alone; http, any port and loopback addresses are then allowed as well (never other private ones).

    Raises: UrlRefused; UpstreamUnavailable when the resolver does not answer.
    Source: OWASP Server-Side Request Forgery Prevention cheat sheet (resolve, judge all addresses, connect to the judged one).
    """
    if len(url) > MAX_URL_CHARACTERS or any(ord(c) <= 32 or ord(c) == 127 or c == "\\" for c in url):
        raise UrlRefused("The address has characters that no address has.")
    try:
        parts = urlsplit(url)
        name, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UrlRefused("The address cannot be read.") from error
    if parts.scheme not in ("https", "http"):
        raise UrlRefused("The address has to begin with https://.")
    if "@" in parts.netloc:
        raise UrlRefused("The address must not contain a user name or password.")
    path = quote(parts.path or "/", safe=PATH_CHARACTERS)
    if parts.query:
        path += "?" + quote(parts.query, safe=PATH_CHARACTERS + "?")
    if allow_loopback and (name == "localhost" or _is_loopback_literal(name)):
        port = port or (443 if parts.scheme == "https" else 80)
        addresses = (name,) if name != "localhost" else _resolved(name, port, resolve)
        if not addresses or not all(is_loopback(a) for a in addresses):
            raise UrlRefused("The address does not lead to this machine.")
        return Target(parts.scheme, name, port, path, addresses)
    if parts.scheme != "https":
        raise UrlRefused("The address has to begin with https://.")
    port = 443 if port is None else port
    if port not in PORTS:
        raise UrlRefused("Only the ports 443 and 8443 are allowed.")
    if _is_literal(name) or "[" in parts.netloc:
        raise UrlRefused("The address has to name a host, not a number.")
    host = _ascii_host(name)
    last = host.rsplit(".", 1)[-1]
    # A last label of digits (also 0x7f) makes some resolvers read the whole name as an IPv4 number.
    if "." not in host or host.endswith(LOCAL_SUFFIXES) or last.isdigit() or last.startswith("0x"):
        raise UrlRefused("The address does not name a host on the public internet.")
    addresses = _resolved(host, port, resolve)
    # One private address among public ones is an attack or a mistake: all have to be harmless.
    if not addresses or not all(is_public(a) for a in addresses):
        raise UrlRefused(f"{host} does not lead to the public internet.")
    return Target("https", host, port, path, addresses)


def _is_literal(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]").split("%")[0])
    except ValueError:
        return False
    return True


def _is_loopback_literal(name: str) -> bool:
    return _is_literal(name) and is_loopback(name)

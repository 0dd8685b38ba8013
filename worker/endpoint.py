"""POSTs to endpoints that others have named: only to public addresses, and pinned to the checked one.

A name is resolved for each request, all its addresses are checked, and the connection goes to one of
them; so a name cannot point elsewhere after the check. No redirects are followed, and of an answer only
the status is read.
"""

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx

from config.errors import ReportedError

PORTS: Final = (443, 8443)
CONNECT_SECONDS: Final = 5.0
TOTAL_SECONDS: Final = 20.0
MOST_URL: Final = 500
MOST_ADDRESSES: Final = 4
MOST_DIGITS: Final = 8
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""All global unicast addresses. Outside are NAT64, site-local and IPv4-compatible ones, some of which
Python takes for global."""
_PROTOCOLS: Final = ipaddress.IPv4Network("192.0.0.0/24")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class BadEndpoint(ReportedError):
    """The URL of an endpoint cannot be used."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of an endpoint."""

    status: int  # 0: none
    words: str  # for people
    retry_after: float = 0  # s, as it asks

    @property
    def ok(self) -> bool:
        """True when it took the request."""
        return 200 <= self.status < 300


def check_url(url: str, trusted: Collection[str]) -> SplitResult:
    """Check the form of an endpoint's URL.

    Args:
        trusted: `host:port` of endpoints that may have http and another port.

    Raises:
        BadEndpoint: says what is wrong.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        raise BadEndpoint("The URL of the endpoint cannot be read.") from None
    if not parts.hostname or len(url) > MOST_URL or not re.fullmatch("[!-~]+", url):
        raise BadEndpoint(f"An endpoint is https://HOST/PATH, of {MOST_URL} characters at most.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadEndpoint("An endpoint has neither user nor password nor a fragment (#…).")
    if f"{parts.hostname}:{port}" in trusted and parts.scheme in ("http", "https"):
        return parts
    if parts.scheme != "https":
        raise BadEndpoint("An endpoint must have https (or be in subscriptions.trusted).")
    if port not in PORTS:
        raise BadEndpoint("An endpoint has port 443 or 8443 (or is in subscriptions.trusted).")
    return parts


def is_public(address: Address) -> bool:
    """True for an address of the public internet, whatever address it embeds."""
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped
        if embedded is not None:
            return is_public(embedded)
        if address.sixtofour or address.teredo or address not in _UNICAST:
            return False
    return address.is_global and not address.is_multicast and address not in _PROTOCOLS


async def post(
    http: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: bytes,
    trusted: Collection[str] = (),
) -> Answer:  # fmt: skip
    """POST to an endpoint; whatever goes wrong is an answer, too."""
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            return await _post(http, url, headers, body, trusted)
    except TimeoutError:
        return Answer(0, f"no answer within {TOTAL_SECONDS:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        return Answer(0, f"no answer: {type(error).__name__}")
    except BadEndpoint as error:
        return Answer(0, str(error))


async def _post(
    http: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: bytes,
    trusted: Collection[str],
) -> Answer:  # fmt: skip
    parts = check_url(url, trusted)
    host, port = str(parts.hostname), parts.port or (80 if parts.scheme == "http" else 443)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    if f"{host}:{port}" not in trusted and not all(map(is_public, addresses)):
        raise BadEndpoint(f"{host} has an address that is not public")
    for address in dict.fromkeys(addresses[:MOST_ADDRESSES]):
        request = http.build_request(
            "POST",
            httpx.URL(url).copy_with(host=str(address)),
            content=body,
            headers={**headers, "Host": parts.netloc, "Content-Type": "application/json"},
            timeout=httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS),
            extensions={"sni_hostname": host},
        )
        with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
            response = await http.send(request, stream=True, follow_redirects=False)
            asked = response.headers.get("retry-after", "")
            await response.aclose()
            seconds = float(asked) if asked.isdecimal() and len(asked) < MOST_DIGITS else 0.0
            return Answer(response.status_code, f"HTTP {response.status_code}", seconds)
    return Answer(0, "no connection")


def open_http() -> httpx.AsyncClient:
    """A client for `post`. It keeps no connection: the next request may be for another host at the same
    address."""
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=0)
    headers = {"User-Agent": "sendmany"}
    return httpx.AsyncClient(limits=limits, trust_env=False, headers=headers)

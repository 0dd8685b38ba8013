"""Addresses of a Redis whose master is named by sentinels:
`redis+sentinel://[LOGIN@]HOST:26379,HOST:26379/MASTER/DATABASE`; `rediss+sentinel://` is with TLS, to
the sentinels and to the server.

The login is that of the server. That of the sentinels, where they ask for one, is given as
`?sentinel_password=…` and `&sentinel_username=…`; other options are those of redis-py. Celery takes no
options from a URL, so login and database have one place.
"""

import re
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

SCHEMES = ("redis+sentinel", "rediss+sentinel")
PORT = 26379
_FORM = (
    "the form is redis+sentinel://USER:PASSWORD@HOST:26379,HOST:26379/MASTER/DATABASE, with "
    "?sentinel_password=… where the sentinels ask for one; special characters are written as %XX. "
    "rediss+sentinel:// is with TLS"
)
_OWN: Final = {"sentinel_username": "username", "sentinel_password": "password"}
_ELSEWHERE: Final = re.compile("sentinel_.*|username|password|db|host|port")
"""Options that an address does not take."""
ASK_SECONDS: Final = 2.0
"""Timeout of asking a sentinel; then the next one is asked."""


class SentinelAddress(NamedTuple):
    """A group of sentinels, and the master they name."""

    sentinels: tuple[tuple[str, int], ...]
    master: str
    server: str  # URL of the master for redis-py, but for host and port
    login: str  # of the server, with its @, or empty
    database: int
    own: dict[str, Any]  # options of connections to the sentinels: timeouts, login, TLS
    tls: dict[str, Any] | None  # options of TLS; None without

    @property
    def for_celery(self) -> str:
        """URL of a broker; its transport option `master_name` is the master."""
        places = (f"sentinel://{self.login}{_place(*one)}" for one in self.sentinels)
        return ";".join(f"{place}/{self.database}" for place in places)

    def __str__(self) -> str:
        """Words for people, without the login."""
        return f'"{self.master}" of the sentinels {", ".join(_place(*s) for s in self.sentinels)}'


def parse_sentinels(url: str) -> SentinelAddress | None:
    """Parse an address; None for one of another kind.

    Raises:
        ValueError: it is incomplete; does not quote the login.
    """
    parts = urlsplit(url) if "+sentinel://" in url else None
    if parts is None or parts.scheme not in SCHEMES:
        return None
    login, at, hosts = parts.netloc.rpartition("@")
    master, _, database = parts.path.strip("/").partition("/")
    if not hosts or not master or not (database or "0").isdecimal():
        raise ValueError(_FORM)
    options = dict(parse_qsl(parts.query))
    own = {_OWN[name]: options.pop(name) for name in [*options] if name in _OWN}
    with_tls = parts.scheme == SCHEMES[1]
    tls = {name: _option(options[name]) for name in options if name.startswith("ssl_")}
    if any(_ELSEWHERE.fullmatch(name) for name in options) or (tls and not with_tls):
        raise ValueError(_FORM)
    rest, number = urlencode(options), int(database or 0)
    return SentinelAddress(
        tuple(map(_host_and_port, hosts.split(","))),
        master,
        f"{parts.scheme.partition('+')[0]}://{login}{at}master/{number}"
        + (f"?{rest}" if rest else ""),
        login + at,
        number,
        {"socket_timeout": ASK_SECONDS, "socket_connect_timeout": ASK_SECONDS, **own}
        | ({"ssl": True, **tls} if with_tls else {}),
        tls if with_tls else None,
    )


def _option(text: str) -> str | bool:
    """An option of TLS; that of the host name is a truth."""
    return text.lower() == "true" if text.lower() in ("true", "false") else text


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    try:
        port = parts.port or PORT
    except ValueError:  # quotes what may be a part of a password
        raise ValueError(_FORM) from None
    if not parts.hostname:
        raise ValueError(_FORM)
    return parts.hostname, port


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

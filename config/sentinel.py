"""Addresses of a Redis whose master is named by sentinels:
`redis+sentinel://[LOGIN@]HOST:26379,HOST:26379/MASTER/DATABASE`.

The login is that of the server. That of the sentinels, where they ask for one, is given as
`?sentinel_password=…` and `&sentinel_username=…`; other options are those of redis-py.
"""

from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

SCHEME = "redis+sentinel"
PORT = 26379
_FORM = (
    "the form is redis+sentinel://HOST:26379,HOST:26379/MASTER/DATABASE, and special characters of a "
    "password are written as %XX"
)
_OWN = "sentinel_"  # prefix of options for connections to the sentinels


class SentinelAddress(NamedTuple):
    """A group of sentinels, and the master they name."""

    sentinels: tuple[tuple[str, int], ...]
    master: str
    server: str  # URL of the master for redis-py, but for host and port
    login: str  # of the server, with its @, or empty
    database: int
    own: dict[str, Any]  # options of connections to the sentinels, such as `password`

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
    if not url.startswith(f"{SCHEME}://"):
        return None
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    master, _, database = parts.path.strip("/").partition("/")
    if not hosts or not master or not (database or "0").isdecimal():
        raise ValueError(_FORM)
    options = parse_qsl(parts.query)
    own = {name.removeprefix(_OWN): text for name, text in options if name.startswith(_OWN)}
    rest = urlencode([(name, text) for name, text in options if not name.startswith(_OWN)])
    number = int(database or 0)
    return SentinelAddress(
        tuple(map(_host_and_port, hosts.split(","))),
        master,
        f"redis://{login}{at}master/{number}" + (f"?{rest}" if rest else ""),
        login + at,
        number,
        own,
    )


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

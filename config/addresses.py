"""Addresses of a Redis that is more than one server.

`redis+cluster://[LOGIN@]HOST:6379,HOST:6379` names some nodes of a cluster, which know the others.
Sentinels name a master: `redis+sentinel://[LOGIN@]HOST:26379,HOST:26379/MASTER/DATABASE`;
`rediss+sentinel://` is with TLS, to the sentinels and to the server.

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


CLUSTERS = ("redis+cluster", "rediss+cluster")
_CLUSTER_FORM = (
    "the form is redis+cluster://USER:PASSWORD@HOST:6379,HOST:6379, without the number of a database; "
    "special characters are written as %XX. rediss+cluster:// is with TLS"
)


class ClusterAddress(NamedTuple):
    """Some nodes of a cluster."""

    nodes: tuple[tuple[str, int], ...]
    scheme: str  # of one node, for redis-py
    login: str  # with its @, or empty
    options: str  # of redis-py, with the ?, or empty

    def of_node(self, node: tuple[str, int]) -> str:
        """URL of one node, for redis-py."""
        return f"{self.scheme}://{self.login}{_place(*node)}/0{self.options}"

    def __str__(self) -> str:
        """Words for people, without the login."""
        return f"the cluster of {', '.join(_place(*node) for node in self.nodes)}"


def parse_cluster(url: str) -> ClusterAddress | None:
    """Parse an address; None for one of another kind.

    Raises:
        ValueError: it is incomplete; does not quote the login.
    """
    parts = urlsplit(url) if "+cluster://" in url else None
    if parts is None or parts.scheme not in CLUSTERS:
        return None
    login, at, hosts = parts.netloc.rpartition("@")
    if not hosts or parts.path not in ("", "/", "/0") or "db" in dict(parse_qsl(parts.query)):
        raise ValueError(_CLUSTER_FORM)
    nodes = tuple(_host_and_port(one, 6379, _CLUSTER_FORM) for one in hosts.split(","))
    scheme, query = parts.scheme.partition("+")[0], f"?{parts.query}" if parts.query else ""
    return ClusterAddress(nodes, scheme, login + at, query)


def _option(text: str) -> str | bool:
    """An option of TLS; that of the host name is a truth."""
    return text.lower() == "true" if text.lower() in ("true", "false") else text


def _host_and_port(text: str, default: int = PORT, form: str = _FORM) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    try:
        port = parts.port or default
    except ValueError:  # quotes what may be a part of a password
        raise ValueError(form) from None
    if not parts.hostname:
        raise ValueError(form)
    return parts.hostname, port


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""Breakers: they hold up a whole sub-account or one template, and are probed.

    scope                        holds up                           opened by
    account                      everything of the sub-account      key, account, channel; operator
    server                       everything, but for single probes  errors of the provider in a row
    stall                        everything, but for small probes   one request without an answer to be
                                                                    trusted, or none for a while
    bulk                         lanes of priority bulk             the provider, of a number; receipts
                                                                    (config/reactions.py); operator
    template:<name>:<language>   campaigns with it, and such messages  codes about the template; the
                                 of notification lanes              provider; operator

They are kept in one hash per sub-account, beside the count of consecutive server errors (`failing`). The
scripts decide by Redis' clock: `acquire_permits` refuses permits while one is open that holds up the
lane, and lets one request through when a probe is due; its success closes the breaker, its failure
doubles the wait.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chatapps.rendering.compiled import CompiledContent, template_of
from store.client import Call, command, script_call, text
from store.keys import breaker_events, breakers, counted_receipts, limiter, requests
from store.lanes.lane import Lane, Priority

ACCOUNT = "account"
SERVER = "server"
STALL = "stall"
BULK = "bulk"
FAILING = "failing"
"""The field that counts consecutive server errors; not a breaker."""
MOST = 500
"""Most breakers that workers may open for a sub-account: names of templates are external input."""

_TEMPLATE = "template:"
By = Literal["worker", "operator", "provider"]


@dataclass(frozen=True, slots=True)
class Breaker:
    """An open breaker."""

    sub_account: str
    scope: str  # account | server | stall | bulk | template:<name>:<language>
    reason: str  # for people
    by: str  # worker | operator | provider
    opened_at: int  # ms
    probe_at: int  # ms; 0 = never probed, closed only by an operator
    failures: int  # the first one, and failed probes since

    @property
    def is_of_template(self) -> bool:
        return self.scope.startswith(_TEMPLATE)


@dataclass(frozen=True, slots=True)
class Probing:
    """Intervals between probes."""

    first: float  # seconds before the first; 0 = never
    longest: float  # doubled up to here


WHOLE = (ACCOUNT, SERVER, STALL)
"""Scopes that hold up all of a sub-account."""
DEFAULTS = {ACCOUNT: Probing(15, 300), SERVER: Probing(1, 30)}
TEMPLATE_DEFAULT = Probing(60, 900)


def template_scope(name: str, language: str) -> str:
    """The scope of a template in a language."""
    return f"{_TEMPLATE}{name}:{language}"


def scopes_of(lane: Lane) -> tuple[str, ...]:
    """The breakers that hold up all of a lane, besides those of the whole sub-account."""
    bulk = (BULK,) if lane.priority is Priority.BULK else ()
    used = _template_of(lane)
    return (*bulk, template_scope(*used)) if used else bulk


def _template_of(lane: Lane) -> tuple[str, str] | None:
    try:
        return template_of(CompiledContent.load(lane.content)) if lane.content else None
    except ValueError:  # written by another version; this one does not send it
        return None


def read_breakers(sub_account: str) -> Call[list[Breaker]]:
    """The open breakers of a sub-account, by scope."""
    return command(
        "HGETALL", breakers(sub_account), parse=lambda reply: _breakers(sub_account, reply)
    )


def open_breaker(
    sub_account: str,
    scope: str,
    reason: str,
    *,
    by: By,
    probe_after: float | None = None,
    longest: float | None = None,
    op: str = "",
    event_ms: int | None = None,
) -> Call[bool]:
    """Open a breaker, or report a failed probe.

    Args:
        probe_after: seconds before the first probe; 0 = never, only an operator closes it. None: never
            for
            an operator, else the default of the scope.
        longest: seconds to which the wait between probes grows; None: the default of the scope.
        op: the request that failed; the failure of a probe makes the next one wait longer.
        event_ms: time of the event that reports it, ms since 1970; after a later event of this scope it
            changes nothing.

    Returns (when run):
        True if it was opened, or taken over by a stronger source (operator over provider over worker).
    """
    usual = DEFAULTS.get(scope, TEMPLATE_DEFAULT)
    if probe_after is None:
        probe_after = 0 if by == "operator" else usual.first
    cap = max(probe_after, usual.longest if longest is None else longest)
    return script_call(
        "open_breaker",
        (breakers(sub_account), breaker_events(sub_account)),
        (scope, reason, by, _ms(probe_after), _ms(cap), op, MOST, _moment(event_ms)),
        bool,
    )


def close_breaker(
    sub_account: str,
    scope: str,
    *,
    by: By = "operator",
    op: str = "",
    event_ms: int | None = None,
) -> Call[bool]:
    """Close a breaker; True if it was open and is closed.

    Args:
        by: an operator closes any, the provider all but an operator's. A worker's success closes
            `server`, and anything else, or an operator's, only if the request was its probe.
        op: the request that succeeded.
        event_ms: as for `open_breaker`.
    """
    places = (breakers(sub_account), breaker_events(sub_account))
    return script_call("close_breaker", places, (scope, by, op, _moment(event_ms)), bool)


@dataclass(frozen=True, slots=True)
class Counted:
    """Result of counting a failure."""

    server: bool  # is open now
    stalled: bool  # the first request without an answer has opened `stall`


def count_server_error(
    sub_account: str,
    reason: str,
    *,
    op: str,
    in_a_row: int,
    probing: Probing,
    messages: int = 0,
    silent: bool = False,
) -> Call[Counted]:
    """Count a request that got a server error of the provider, or (`silent`) no usable answer."""
    return script_call(
        "count_server_error",
        (breakers(sub_account), limiter(sub_account), requests(sub_account)),
        (
            *(op, messages, int(silent), in_a_row, reason),
            *(_ms(probing.first), _ms(probing.longest)),
        ),
        lambda reply: Counted(reply[0] == 1, reply[1] == 1),
    )


def count_receipts(
    sub_account: str, code: int, n: int, least: int, seconds: float, *, op: str
) -> Call[int]:
    """Count receipts with a code. Returns their number when `least` have come in so many seconds, and
    counts anew from then on; else 0.

    Args:
        op: identifies the call; a repeat of it counts nothing.
    """
    key = counted_receipts(sub_account, code)
    return script_call("count_receipts", (key,), (op, n, least, _ms(seconds)), int)


def take_probe(sub_account: str, scope: str, *, op: str, lease: float) -> Call[bool]:
    """Try to become the only probe of a breaker, for at most `lease` seconds."""
    return script_call("take_probe", (breakers(sub_account),), (scope, op, _ms(lease)), bool)


def release_probe(sub_account: str, scope: str, *, op: str, later: bool) -> Call[bool]:
    """End a probe without a result. `later`: the usual time passes before the next one."""
    return script_call("release_probe", (breakers(sub_account),), (scope, op, int(later)), bool)


def _moment(ms: int | None) -> int | str:
    return "" if ms is None else ms


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _breakers(sub_account: str, reply: Any) -> list[Breaker]:
    pairs = (
        reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2], strict=True)
    )
    found = {text(scope): value for scope, value in pairs if text(scope) != FAILING}
    return [_breaker(sub_account, scope, found[scope]) for scope in sorted(found)]


def _breaker(sub_account: str, scope: str, value: bytes | str) -> Breaker:
    is_ = json.loads(value)
    return Breaker(
        sub_account=sub_account,
        scope=scope,
        reason=is_["reason"],
        by=is_["by"],
        opened_at=int(is_["opened_at"]),
        probe_at=int(is_["probe_at"]),
        failures=int(is_["failures"]),
    )

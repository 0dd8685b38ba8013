"""The checks of `sendmany doctor`: one finding per line, each with its remedy."""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ParamSpec

from config.celery_app import create_app, send_wake_up
from config.sections import LOOPBACK, SettingsError, SubAccount
from config.settings import Settings, config_file, load_settings
from dashboard.explain import (
    called,
    explain_breaker,
    explain_stop,
    explain_unreached,
    moment,
    several,
    stopped_words,
)
from sendmany.console.connection import connect, place, why_it_refuses
from sendmany.doctor.finding import Check, Verdict, note, ok, problem
from sendmany.doctor.provider_probe import probe
from sendmany.doctor.redis_checks import check_server
from sendmany.doctor.workers import check_workers
from store.client import Store, ask_server
from store.errors import StoreError, StoreFault, StoreUnavailable
from store.lanes.lane import Lane, LaneStatus, list_lanes, missing_lanes
from store.limits.breakers import Breaker, read_breakers
from store.limits.stops import read_stops
from store.limits.tier import UNLIMITED, read_tiers, read_used
from store.limits.unreached import Unreached, read_unreached
from store.receipts.backfill import LastBackfill, read_backfill
from store.receipts.inbox import InboxFigures, read_inbox_figures
from store.reports.gauges import Holdings, holdings
from store.reports.waiting import now_ms

P = ParamSpec("P")
INFO = ("server", "persistence", "memory")
INBOX_SECONDS = 60.0
"""A running worker applies a webhook within a second or two."""
TELLING = 200_000
"""Messages from which on memory per message is meaningful: the server itself takes 2 MB."""
_MB = 1_000_000
_NEARLY_FULL = 0.9


def examine(*, offline: bool) -> Iterator[Check]:
    """Read the settings and run all checks. A failed check gives a line, too."""
    try:
        settings = load_settings()
    except SettingsError as error:
        yield problem("settings", str(error), "mend them; the rest cannot be looked at before")
        return
    yield from examine_with(settings, offline=offline)


def examine_with(settings: Settings, *, offline: bool) -> Iterator[Check]:
    """Run all checks in order, from this process and its host."""
    yield ok("settings", f"{config_file() or 'no file: environment and defaults'}")
    yield from _redis(settings)
    if not settings.sub_accounts:
        yield problem(
            "sub-accounts",
            "none is configured",
            "add [sub_accounts.NAME] to sendmany.toml, or try `sendmany up --sandbox`",
        )
    for name, account in settings.sub_accounts.items():
        yield from _guarded(
            f"sub-account {name}", _account, settings, name, account, offline=offline
        )


def _guarded(
    name: str, look: Callable[P, Iterator[Check]], /, *args: P.args, **more: P.kwargs
) -> Iterator[Check]:
    """The findings of one check. A failure becomes its finding, and the next check follows.

    Raises:
        StoreUnavailable: Redis is away, for all other checks, too.
    """
    try:
        yield from look(*args, **more)
    except StoreUnavailable:
        raise
    except StoreFault as error:  # an ACL, a managed server
        yield note(name, f"cannot be looked at: {error}")
    except (SettingsError, StoreError) as error:
        yield problem(name, str(error), "mend that and look again")
    except Exception as error:
        yield problem(
            name,
            f"cannot be looked at ({type(error).__name__}, at {_place_of(error)})",
            "report it as a fault of sendmany",
        )


def _place_of(error: Exception) -> str:
    """Module and line of an error, whose text may hold a number or a key."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _redis(settings: Settings) -> Iterator[Check]:
    try:
        store = connect(settings)
    except (StoreError, SettingsError) as error:
        yield problem("redis", str(error), "all that follows about Redis and workers waits for it")
        return
    try:
        yield from _guarded("redis", _server, store)
        yield from _guarded("memory", _memory, store, settings)
        yield from _guarded("inbox", _inbox, store)
        yield from _guarded("lanes", _lanes, store)
        yield from _guarded("stops", _stops, store)
        for sub_account in settings.sub_accounts:
            yield from _guarded(f"breakers of {sub_account}", _breakers, store, sub_account)
            yield from _guarded(f"provider for {sub_account}", _unreached, store, sub_account)
            yield from _guarded(
                f"tier of {sub_account}", look_at_tier, store, settings, sub_account
            )
            label = f"backfill of {sub_account}"
            yield from _guarded(label, _backfill, store, settings, label, sub_account)
        yield from _guarded("workers", _broker_and_workers, store, settings)
    except StoreUnavailable as error:
        yield problem("redis", str(error), "mend that and look again")
    finally:
        store.close()


def _server(store: Store) -> Iterator[Check]:
    servers = store.servers()
    for server in servers:
        info = {name: value for part in INFO for name, value in _info(server, part).items()}
        for check in check_server(info, _config(server)):
            of = f" of {server.address}" if len(servers) > 1 else ""
            yield replace(check, name=check.name + of)


def _memory(store: Store, settings: Settings) -> Iterator[Check]:
    yield check_memory(holdings(store), settings.retention_days)


def _inbox(store: Store) -> Iterator[Check]:
    yield check_inbox(store.run(read_inbox_figures()))


def _lanes(store: Store) -> Iterator[Check]:
    missing = store.run(missing_lanes())
    yield from read_due_lanes(list_lanes(store, newest=1000), missing)


def _stops(store: Store) -> Iterator[Check]:
    for stop in store.run(read_stops()):
        label = stopped_words(stop.what, stop.sub_account)
        yield problem(label, explain_stop(stop), "end it when the cause has passed")


def _breakers(store: Store, sub_account: str) -> Iterator[Check]:
    held = store.run(read_breakers(sub_account))
    yield from check_breakers(held)


def _unreached(store: Store, sub_account: str) -> Iterator[Check]:
    now = store.run(now_ms()) // 1000
    found = store.run(read_unreached(sub_account, now))
    yield from look_at_unreached(found)


def look_at_tier(store: Store, settings: Settings, name: str) -> Iterator[Check]:
    """The tier of the portfolio of a sub-account; no finding without one."""
    budget = store.run(read_tiers()).budget(settings, name)
    if budget is None or budget.tier == UNLIMITED:
        return
    used = store.run(read_used(budget.portfolio, store.run(now_ms()) / 1000)).people
    words = f"{used:,} of {budget.tier:,} people in 24 hours ({budget.portfolio})"
    yield ok(f"tier of {name}", words)


def _backfill(store: Store, settings: Settings, label: str, name: str) -> Iterator[Check]:
    last = store.run(read_backfill(name))
    yield check_backfill(label, last, possible=settings.backfill.possible)


def _broker_and_workers(store: Store, settings: Settings) -> Iterator[Check]:
    broker = _broker(settings)
    yield broker
    yield check_workers(store, send_wake_up, broker_answers=broker.verdict is Verdict.OK)


def check_memory(held: Holdings, retention_days: float) -> Check:
    """Memory and contents of Redis. Pure."""
    used = f"{held.used / _MB:,.1f} MB" if held.used else "the server does not show its memory"
    if held.limit:
        used += f" of {held.limit / _MB:,.0f} MB"
    many = held.waiting + held.finished >= TELLING
    each = held.bytes_per_message if many else None
    words = (
        f"{used}; {several(held.active, 'lane')} active, {held.ended:,} ended and kept for"
        f" {retention_days:g} days; {held.waiting:,} messages waiting, {held.finished:,} finished"
        + (f"; {each:,} bytes a message" if each is not None else "")
    )
    if held.limit and held.used > _NEARLY_FULL * held.limit:
        return problem("memory", words, "raise maxmemory, or lower retention_days")
    return ok("memory", words)


def check_inbox(inbox: InboxFigures) -> Check:
    """Receipts and replies waiting to be applied. Pure."""
    unmatched = sum(inbox.unmatched.values())
    words = f"{inbox.applied:,} receipts and {inbox.replies:,} replies applied"
    if inbox.matched:
        words += f" ({inbox.matched:,} of them named no message, but a batch of ours)"
    if unmatched:
        words += f", {unmatched:,} receipts about no message of ours"
    if not inbox.waiting:
        return ok("inbox", words)
    words = f"{inbox.waiting:,} webhooks wait, the oldest for {inbox.oldest_age:,.0f} s; {words}"
    if inbox.oldest_age < INBOX_SECONDS:
        return ok("inbox", words)
    return problem("inbox", words, "see that a worker runs: a STOP among them does not count yet")


def read_due_lanes(lanes: list[Lane], missing: Mapping[str, int]) -> Iterator[Check]:
    """Lanes of which Redis has lost data. Pure; no finding without any.

    Args:
        missing: lost lane → its messages that were sent.
    """
    for lane in lanes:
        if lane.status is LaneStatus.HALTED:
            remedy = f'`sendmany campaign resume "{called(lane)}" --accept`, or cancel it'
            yield problem(f"lane {lane.id}", f"halted: {lane.reason}", remedy)
    for lane_id, sent in missing.items():
        finding = "gone although it had not ended: Redis has lost data"
        clear = f"`sendmany doctor --clear {lane_id}` ends this line"
        if sent:
            finding += (
                f". {several(sent, 'message')} of it had gone out before, at least:"
                " launching it again writes to those people twice"
            )
            remedy = "take who has got it from the provider's reports, launch the others only"
        else:
            remedy = (
                "launch or enqueue again what is missing: no worker knows that any had gone out"
            )
        yield problem(f"lane {lane_id}", finding, f"{remedy}; {clear}")


def check_breakers(found: Sequence[Breaker]) -> Iterator[Check]:
    """Open breakers. Pure; no finding without any."""
    for one in found:
        label = f"breaker {one.scope} of {one.sub_account}"
        remedy = "mend the cause" if one.probe_at else "end it when the time has come"
        yield problem(label, explain_breaker(one), remedy)


def check_backfill(label: str, last: LastBackfill, *, possible: bool) -> Check:
    """Whether lost receipts can be fetched from the provider's log, and when. Pure."""
    if last.error:
        why = f"at {moment(last.at)} lost receipts could not be fetched: {last.error}"
        return problem(label, why, "mend that; then `sendmany receipts backfill --since …`")
    found = f"{several(last.lost, 'lost receipt')} found"
    span = f" in the log from {moment(last.since)} to {moment(last.until)}" if last.since else ""
    words = f"at {moment(last.at)} {found}{span}" if last.at else "no receipt was missed so far"
    if possible:
        return ok(label, words)
    return note(
        label,
        f"{words}; lost receipts cannot be fetched from the provider's log: set "
        "backfill.columns.client_message_id to the name of its column with clientMessageId",
    )


def look_at_unreached(found: Sequence[Unreached]) -> Iterator[Check]:
    """Hosts that do not reach the provider. Pure; no finding without any."""
    for one in found:
        label, remedy = (
            f"provider from {one.host}",
            "check base_url, DNS, certificates, the network",
        )
        yield problem(label, explain_unreached(one), remedy)


def _broker(settings: Settings) -> Check:
    same = settings.broker_url in (None, settings.redis_url)
    where = "the same Redis" if same else place(settings.celery_url)
    try:
        with create_app(settings).connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
    except Exception as error:  # of any client library, or ValueError for a bad URL
        finding = f"{where} cannot be used ({why_it_refuses(error)})"
        return problem("broker", finding, "check broker_url" if not same else "check redis_url")
    return ok("broker", where)


def _account(
    settings: Settings, name: str, account: SubAccount, *, offline: bool
) -> Iterator[Check]:
    label = f"sub-account {name}"
    try:
        yield _key(label, account) if offline else _answer(label, settings, name)
    except SettingsError as error:
        yield problem(label, str(error), "mend the key")
    url = account.base_url
    if url is not None and url.scheme == "http" and not LOOPBACK.fullmatch(url.host or ""):
        yield note(label, f"{account.place} is without TLS: the key goes there as it is; use https")
    yield ok(f"limits of {name}", limits(account))


def _key(label: str, account: SubAccount) -> Check:
    if account.key() is None:
        return problem(label, account.why_no_key(), "workers need it to send")
    return ok(label, "the key is there; the provider was not asked")


def _answer(label: str, settings: Settings, name: str) -> Check:
    finding = probe(settings, name)
    return (
        ok(label, finding.words) if finding.good else problem(label, finding.words, finding.remedy)
    )


def limits(account: SubAccount) -> str:
    """The limits of a sub-account in words."""
    messages, requests = account.messages_per_second, account.requests_per_second
    parts = [
        f"{messages:,g} messages/s, burst {account.burst_messages:,}"
        if messages
        else "messages/s without limit",
        f"{requests:,g} requests/s" if requests else "requests/s without limit",
    ]
    if account.urgent_reserve:
        parts.append(f"{account.urgent_reserve:,} of the burst kept for urgent ones")
    return ", ".join(parts)


def _info(store: Store, part: str) -> dict[str, Any]:
    """Empty if the server refuses the query."""
    try:
        return store.run(ask_server("INFO", part, parse=dict))
    except StoreFault:
        return {}


def _config(store: Store) -> dict[str, str]:
    """Empty if the server refuses the query, as managed ones do."""
    try:
        found = {}
        for name in ("maxmemory-policy", "hash-max-listpack-*"):
            found.update(store.run(ask_server("CONFIG GET", name, parse=_texts)))
    except StoreFault:
        return {}
    return found


def _texts(reply: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in dict(reply).items()}

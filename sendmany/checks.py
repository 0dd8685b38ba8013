"""What `sendmany doctor` looks at: one finding a line, each with what to do about it."""

from collections.abc import Iterator, Sequence
from typing import Any

from kombu.exceptions import OperationalError

from config.celery_app import create_app, send_drain
from config.sections import SettingsError, SubAccount
from config.settings import Settings, config_file, load_settings
from dashboard.words import called, explain_breaker, explain_unreached, several
from sendmany.connection import connect, place
from sendmany.findings import Check, Verdict, ok, problem
from sendmany.probe import probe
from sendmany.server_checks import look_at_server
from sendmany.workers import broker_delivers, count_dedicated, wait_for_loops
from store.breakers import Breaker, read_breakers
from store.calls import Store, ask_server
from store.errors import StoreError
from store.holdings import Holdings, holdings
from store.inbox import InboxFigures, read_inbox_figures
from store.lanes import Lane, LaneStatus, list_lanes, missing_lanes
from store.unreached import Unreached, read_unreached
from store.waiting import now_ms

WORKER_SECONDS = 4.0
INBOX_SECONDS = 60.0
"""A webhook is applied within a second or two when a worker runs."""
TELLING = 200_000
"""Messages from which on the memory of each says something: the server itself takes 2 MB."""
_MB = 1_000_000
_NEARLY_FULL = 0.9


def examine(*, offline: bool) -> Iterator[Check]:
    """Look at everything, one thing after the other."""
    try:
        settings = load_settings()
    except SettingsError as error:
        yield problem("settings", str(error), "mend them; the rest cannot be looked at before")
        return
    yield ok("settings", f"{config_file() or 'no file: environment and defaults'}")
    yield from _redis(settings)
    yield from _accounts(settings, offline=offline)


def _redis(settings: Settings) -> Iterator[Check]:
    try:
        store = connect(settings)
    except (StoreError, SettingsError) as error:
        yield problem("redis", str(error), "all that follows about Redis and workers waits for it")
        return
    try:
        yield from look_at_server(
            _ask(store, "INFO", "server"), _ask(store, "INFO", "persistence"), _config_of(store)
        )
        yield look_at_memory(holdings(store), settings.retention_days)
        yield look_at_inbox(store.run(read_inbox_figures()))
        yield from look_at_lanes(list_lanes(store, newest=1000), store.run(missing_lanes()))
        for sub_account in settings.sub_accounts:
            held = store.run(read_breakers(sub_account))
            yield from look_at_breakers(held)
            now = store.run(now_ms()) // 1000
            unreached = store.run(read_unreached(sub_account, now))
            yield from look_at_unreached(unreached)
        broker = _broker(settings)
        yield broker
        yield _workers(store, broker_answers=broker.verdict is Verdict.OK)
    except StoreError as error:
        yield problem("redis", str(error), "mend that and look again")
    finally:
        store.close()


def look_at_memory(held: Holdings, retention_days: float) -> Check:
    """How much Redis holds, and of what. Pure."""
    used = f"{held.used / _MB:,.1f} MB" + (f" of {held.limit / _MB:,.0f} MB" if held.limit else "")
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


def look_at_inbox(inbox: InboxFigures) -> Check:
    """Receipts and replies that were stored and wait to be applied. Pure."""
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


def look_at_lanes(lanes: list[Lane], missing: list[str]) -> Iterator[Check]:
    """Lanes that Redis has lost something of. Pure; silent when all is well."""
    for lane in lanes:
        if lane.status is LaneStatus.HALTED:
            remedy = f'`sendmany campaign resume "{called(lane)}" --accept`, or cancel it'
            yield problem(f"lane {lane.id}", f"halted: {lane.reason}", remedy)
    for lane_id in missing:
        finding = "gone although it had not ended: Redis has lost data"
        yield problem(f"lane {lane_id}", finding, "launch or enqueue again what is missing")


def look_at_breakers(found: Sequence[Breaker]) -> Iterator[Check]:
    """What is held up. Pure; silent when nothing is."""
    for one in found:
        label = f"breaker {one.scope} of {one.sub_account}"
        remedy = "mend the cause" if one.probe_at else "end it when the time has come"
        yield problem(label, explain_breaker(one), remedy)


def look_at_unreached(found: Sequence[Unreached]) -> Iterator[Check]:
    """Hosts from which the provider is not reached. Pure; silent when there are none."""
    for one in found:
        label, remedy = (
            f"provider from {one.host}",
            "check base_url, DNS, certificates, the network",
        )
        yield problem(label, explain_unreached(one), remedy)


def _broker(settings: Settings) -> Check:
    where = "the same Redis" if settings.broker == settings.redis_url else place(settings.broker)
    if not settings.broker_url:
        where = "the same Redis"
    connection = create_app(settings).connection_for_write()
    try:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
    except (OperationalError, OSError) as error:
        return problem(
            "broker", f"{where} does not answer ({type(error).__name__})", "check broker_url"
        )
    finally:
        connection.release()
    return ok("broker", where)


def _workers(store: Store, *, broker_answers: bool) -> Check:
    """Which processes are ready to send, and whether a task that is sent now reaches one of them."""
    running = wait_for_loops(store, 1, WORKER_SECONDS)
    dedicated = count_dedicated(store)
    extra = f", {dedicated} serving some priorities only" if dedicated else ""
    if not running:
        return problem(
            "workers",
            f"none that serves everything has answered within {WORKER_SECONDS:.0f} seconds{extra}",
            "start one: `sendmany worker` or `sendmany up`",
        )
    words = f"{running} sending or ready to send{extra}"
    if broker_answers and not broker_delivers(store, send_drain, WORKER_SECONDS):
        return problem(
            "workers",
            f"{words}, but none has taken a task from the broker within {WORKER_SECONDS:.0f} seconds",
            "see that their broker_url is the one of this command; until then messages that other Celery"
            " applications hand in wait",
        )
    return ok("workers", words)


def _accounts(settings: Settings, *, offline: bool) -> Iterator[Check]:
    if not settings.sub_accounts:
        yield problem(
            "sub-accounts",
            "none is configured",
            "add [sub_accounts.NAME] to sendmany.toml, or try `sendmany up --sandbox`",
        )
    for name, account in settings.sub_accounts.items():
        yield from _account(settings, name, account, offline=offline)


def _account(
    settings: Settings, name: str, account: SubAccount, *, offline: bool
) -> Iterator[Check]:
    label = f"sub-account {name}"
    try:
        if offline:
            key = account.key()
            yield (
                ok(label, "the key is there; the provider was not asked")
                if key
                else problem(label, "no API key is configured", "set api_key_env or api_key_file")
            )
        else:
            finding = probe(settings, name)
            yield (
                ok(label, finding.words)
                if finding.good
                else problem(label, finding.words, finding.remedy)
            )
    except SettingsError as error:
        yield problem(label, str(error), "mend the key")
    yield ok(f"limits of {name}", limits(account))


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


def _ask(store: Store, *words: str) -> dict[str, Any]:
    return store.run(ask_server(*words, parse=_dictionary))


def _dictionary(reply: Any) -> dict[str, Any]:
    return dict(reply)


def _config_of(store: Store) -> dict[str, str] | None:
    try:
        found = {}
        for name in ("maxmemory-policy", "hash-max-listpack-*"):
            found.update(store.run(ask_server("CONFIG GET", name, parse=_texts)))
    except StoreError:
        return None
    return found


def _texts(reply: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in dict(reply).items()}

"""The processes of `sendmany up`, and its note for other commands."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

from config.settings import Settings
from sendmany.api.sessions import is_local
from sendmany.console.connection import connect, place
from sendmany.doctor.workers import wait_for_loops
from sendmany.errors import ProcessError
from sendmany.local.processes import Wait
from sendmany.local.stack import (
    LOG_COLUMNS,
    NO_LIMITS,
    SANDBOX_ID,
    SUB_ACCOUNTS,
    Local,
    LocalPlan,
    Receiver,
    Sandbox,
    WebPlan,
)
from sendmany.local.supervisor import Supervisor
from store.access.sessions import SESSION_SECONDS, draw_secret, keep_code
from store.access.tokens import Scope, Token, add_token, draw_token, revoke_token
from store.errors import StoreError

STATE_DIR = "SENDMANY_STATE_DIR"
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class UpPlan:
    """Options of `sendmany up`."""

    home: Path
    sandbox: Sandbox | None
    worker_processes: int
    webhooks: bool = False  # receive webhooks even without a configured authorization
    found_here: bool = True  # other commands in this directory find it by themselves


def local_plan(plan: UpPlan, settings: Settings) -> LocalPlan:
    """The processes to start: with an embedded server unless one is configured."""
    environment, receiver = {STATE_DIR: str(plan.home)}, _receiver(plan, settings)
    if receiver:
        environment["SENDMANY_WEBHOOKS__RECEIVED"] = "true"
    account = settings.sub_accounts.get(SANDBOX_ID)
    if plan.sandbox and account:
        limits = account.model_dump(include=account.model_fields_set & NO_LIMITS.keys())
        given = json.loads(os.environ.get(SUB_ACCOUNTS) or "{}")
        environment[SUB_ACCOUNTS] = json.dumps({**given, SANDBOX_ID: limits})
    return LocalPlan(
        plan.home,
        embedded="redis_url" not in settings.model_fields_set,
        web=_web(settings),
        receiver=receiver,
        sandbox=plan.sandbox,
        worker_processes=plan.worker_processes,
        environment=tuple(environment.items()),
        patience=settings.http.deadline + 10,
    )


def _web(settings: Settings) -> WebPlan:
    """The configured port; a default port that is in use is replaced by any free one."""
    web = settings.web
    return WebPlan(web.host, web.port, or_any_port="port" not in web.model_fields_set)


def _receiver(plan: UpPlan, settings: Settings) -> Receiver | None:
    """Accepted authorizations, if webhooks are received. The embedded sandbox needs no configuration.

    Raises:
        SettingsError: no Authorization header of the provider is configured.
    """
    configured = settings.webhooks.wanted
    if not (plan.webhooks or configured):
        return None
    if plan.sandbox and not configured:
        return Receiver((f"Bearer {token_urlsafe(24)}",))
    secrets = settings.webhooks.secrets()
    return Receiver(tuple(secret.get_secret_value() for secret in secrets))


def start(local: Local, settings: Settings, on_wait: Wait) -> Settings:
    """Start everything and wait for a working worker; returns the settings in use.

    Raises:
        ProcessError, StoreUnavailable: a part did not start; the text is for people.
    """
    if "redis_url" in settings.model_fields_set:
        connect(settings).close()
    local.start()
    settings = local.settings()
    store = connect(settings)
    try:
        store.load()

        def watch() -> None:
            on_wait()
            local.see_that_all_run()

        if local.worker and not wait_for_loops(store, 1, START_SECONDS, watch):
            raise ProcessError(
                f"The worker did not start to work in {START_SECONDS:.0f} seconds: "
                f"see {local.worker_log}."
            )
    finally:
        store.close()
    return settings


def stay(local: Local, on_wait: Wait, tell: Callable[[str], None]) -> None:
    """Restart processes that end by themselves, until `on_wait` raises.

    Args:
        tell: takes a sentence about each.

    Raises:
        ProcessError: one of them ends too often.
    """
    supervisor = Supervisor(local, tell)
    while True:
        on_wait()
        supervisor.look()
        time.sleep(0.1)


def note(plan: UpPlan, settings: Settings, local: Local) -> dict[str, Any]:
    """The note for other commands; its `settings` are for those without own settings."""
    offered: dict[str, Any] = {}
    if local.server:
        offered["redis_url"] = settings.redis_url
    if plan.sandbox:
        account = settings.sub_accounts[SANDBOX_ID]
        key, told = account.key(), {"base_url", "account_id", "channel_id", *NO_LIMITS}
        offered["sub_accounts"] = {
            SANDBOX_ID: {
                **account.model_dump(mode="json", include=told),
                "api_key": key.get_secret_value() if key else None,
            }
        }
        offered["backfill"] = {"columns": LOG_COLUMNS}
    if local.receiver_url:
        offered["webhooks"] = {"received": True}
    return {
        "pid": os.getpid(),
        "sandbox_url": local.sandbox_url,
        "web_url": local.web_url,
        "receiver_url": local.receiver_url,
        "settings": offered,
    }


@contextmanager
def sign_in_link(settings: Settings, web_url: str) -> Iterator[str]:
    """A link that signs in to the page once, for a terminal and not for logs; empty unless the page is
    local to this machine. Its session ends with the context."""
    if not is_local(urlsplit(web_url).netloc):
        yield ""
        return
    store, code = connect(settings), draw_secret()
    id, secret = draw_token()
    token = Token(id, "sendmany up", frozenset(Scope), frozenset())
    try:
        store.run(add_token(token, secret, lives=SESSION_SECONDS))
        store.run(keep_code(code, id))
        yield f"{web_url}/ui/#code={code}"
    finally:
        with suppress(StoreError):
            store.run(revoke_token(id))
        store.close()


def describe(plan: UpPlan, settings: Settings, local: Local) -> list[tuple[str, str]]:
    """The running parts, for people."""
    kind = "embedded, " if local.server else ""
    rows = [("server", f"{kind}{place(settings.redis_url)}")]
    if plan.sandbox:
        what = f"faults {plan.sandbox.faults}, sub-account {SANDBOX_ID}"
        rows.append(("sandbox", f"{local.sandbox_url}, {what}"))
    taken = f" (port {local.port_taken} was taken)" if local.port_taken else ""
    rows.append(("web", f"{local.web_url}{taken}, the page under /ui/"))
    if local.receiver_url:
        rows.append(("webhooks", local.receiver_url))
    if plan.worker_processes:
        rows.append(("worker", f"{plan.worker_processes} processes, log {local.worker_log}"))
    rows.append(("state", str(plan.home)))
    return rows

"""`sendmany up` with a sandbox, and tokens for it, to drive the page against."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.settings import Settings
from sendmany.local.stack import Local, LocalPlan, Receiver, Sandbox, WebPlan
from store.access.tokens import Scope, Token, add_token, draw_token, token_text
from store.client import Store

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "dashboard/page/node_modules"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


def why_not() -> str:
    """Why the page cannot be driven here; empty if it can."""
    if not CHROMIUM:
        return "Chromium is not here: apt-get install chromium"
    if not shutil.which("node"):
        return "Node is not here"
    built = (MODULES / "playwright-core").exists() and (MODULES.parent / "vendor").exists()
    return "" if built else "The tools of the page are not here: make page-test"


@contextmanager
def page_stack(home: Path, *, per_second: int, sandbox: Sandbox) -> Iterator[dict[str, str]]:
    """Run it; gives the address, and tokens with all scopes (`all`) and with one (`reader`)."""
    account = {"sandbox": {"messages_per_second": per_second}}
    plan = LocalPlan(
        home,
        web=WebPlan(),
        receiver=Receiver(("Bearer of-the-test",)),
        sandbox=sandbox,
        worker_processes=1,
        environment=(
            ("SENDMANY_SUB_ACCOUNTS", json.dumps(account)),
            ("SENDMANY_SECRET", "a secret of the tests, 32 bytes and more"),
        ),
        patience=1,
    )
    with Local(plan) as local:
        assert local.server is not None
        store = Store.connect(local.server.url, key_prefix=Settings().key_prefix)
        told = {"all": new_token(store, *Scope), "reader": new_token(store, Scope.READ)}
        store.close()
        yield {"url": local.web_url, "chromium": CHROMIUM or "", **told}


def new_token(store: Store, *scopes: Scope) -> str:
    """A token as its owner sends it."""
    id, secret = draw_token()
    store.run(add_token(Token(id, "Ada", frozenset(scopes), frozenset()), secret))
    return token_text(id, secret)

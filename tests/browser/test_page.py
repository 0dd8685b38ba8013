"""The page in a real browser: tests/browser/page.mjs drives Chromium against `sendmany up`.

Left out with a sentence where Chromium, Node, or what `make page-test` fetches cannot be had.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from config.settings import load_settings
from sendmany.local.stack import Local, LocalPlan, Receiver, Sandbox, WebPlan
from store.access.tokens import Scope, Token, add_token, draw_token, token_text
from store.client import Store

pytestmark = [pytest.mark.server, pytest.mark.long]
ROOT = Path(__file__).parents[2]
MODULES = ROOT / "dashboard/page/node_modules"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
PEOPLE = 400


def _new_token(store: Store, *scopes: Scope) -> str:
    id, secret = draw_token()
    token = Token(id, "Ada", frozenset(scopes), frozenset())
    store.run(add_token(token, secret))
    return token_text(id, secret)


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not here: apt-get install chromium")
@pytest.mark.skipif(not shutil.which("node"), reason="Node is not here")
@pytest.mark.skipif(
    not (MODULES / "playwright-core").exists() or not (MODULES.parent / "vendor").exists(),
    reason="The tools of the page are not here: make page-test",
)
def test_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "Winter sale.csv"
    lines = [f"+44771{n:07d},{'Ada' if n % 2 else 'Zoë'}" for n in range(PEOPLE)]
    file.write_text("\n".join(["number,name", *lines, "12,nobody", lines[0], ""]), "utf-8")
    monkeypatch.setenv("SENDMANY_WEB__PORT", "0")
    monkeypatch.setenv(
        "SENDMANY_SUB_ACCOUNTS", json.dumps({"sandbox": {"messages_per_second": 50}})
    )
    plan = LocalPlan(
        tmp_path / "home",
        web=WebPlan(),
        receiver=Receiver(("Bearer of-the-test",)),
        sandbox=Sandbox(),
        worker_processes=1,
        patience=1,
    )
    with Local(plan) as local:
        settings = local.settings()
        store = Store.connect(settings.redis_url, key_prefix=settings.key_prefix)
        tokens = {
            "all": _new_token(store, *Scope),
            "reader": _new_token(store, Scope.READ),
        }
        store.close()
        told = {
            "url": local.web_url,
            "chromium": CHROMIUM,
            "file": str(file),
            "people": PEOPLE,
            "screenshots": os.environ.get("SENDMANY_SCREENSHOTS", ""),
            **tokens,
        }
        done = subprocess.run(
            ("node", str(ROOT / "tests/browser/page.mjs")),
            input=json.dumps(told),
            capture_output=True,
            text=True,
            timeout=280,
        )
    load_settings.cache_clear()
    assert done.returncode == 0, done.stdout + done.stderr

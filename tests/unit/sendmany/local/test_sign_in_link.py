"""The link that `sendmany up` prints: it signs in once, and what it may do ends with `up`."""

import fakeredis
import pytest

from config.settings import Settings
from sendmany.local import up
from store.access.sessions import CODE_SECONDS, take_code
from store.access.tokens import Scope, find_token, list_tokens
from store.client import Store, command
from store.scripts import load_scripts


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    server = fakeredis.FakeServer()

    def connect(_: Settings) -> Store:
        return Store(fakeredis.FakeRedis(server=server), load_scripts(flags=False))

    monkeypatch.setattr(up, "connect", connect)
    return connect(Settings())


def test_the_link_holds_a_code_for_a_token_that_ends_with_it(store: Store) -> None:
    with up.sign_in_link(Settings(), "http://127.0.0.1:8080") as link:
        page, _, code = link.partition("#code=")
        assert page == "http://127.0.0.1:8080/ui/"
        (key,) = store.run(command("KEYS", "*:code:*", parse=list))
        assert 0 < store.run(command("TTL", key, parse=int)) <= CODE_SECONDS
        assert code.encode() not in key
        id = store.run(take_code(code))
        kept = store.run(find_token(id))
        assert kept
        assert kept.token.scopes == frozenset(Scope)
        assert store.run(take_code(code)) == ""
    assert store.run(list_tokens()) == []


def test_a_page_that_others_can_reach_gets_no_link(store: Store) -> None:
    with up.sign_in_link(Settings(), "http://192.0.2.7:8080") as link:
        assert link == ""
    assert store.run(list_tokens()) == []

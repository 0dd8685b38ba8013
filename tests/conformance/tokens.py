"""API tokens: add_token, find_token, note_token_use, revoke_token, list_tokens."""

import pytest

from store.access.tokens import (
    KeptToken,
    Scope,
    Token,
    add_token,
    draw_token,
    find_token,
    list_tokens,
    note_token_use,
    revoke_token,
)
from store.client import Store
from store.errors import StoreRefused
from store.keys import TOKENS, TOKENS_USED

SECRET = "s" * 43
SHOP = Token("abcd1234", "Zoë's shop", frozenset({Scope.READ, Scope.ENQUEUE}), frozenset({"a"}))


def kept(store: Store, token: Token = SHOP, *, lives: int = 0) -> KeptToken:
    return store.run(add_token(token, SECRET, lives=lives))


def seconds(store: Store) -> int:
    return int(store.client.time()[0])


class TestTokens:
    def test_what_is_kept_is_found_and_proved_by_its_secret(self, store: Store) -> None:
        added = kept(store)
        found = store.run(find_token(SHOP.id))
        assert found == added
        assert found.token == SHOP
        assert (found.expires_at, found.used_at) == (0, 0)
        assert 0 <= seconds(store) - found.made_at < 60
        assert found.proves(SECRET)
        assert not found.proves(SECRET[:-1] + "t")

    def test_the_secret_is_kept_nowhere(self, store: Store) -> None:
        kept(store)
        assert SECRET not in str(store.client.hgetall(TOKENS))

    def test_one_that_nobody_made_is_not_found(self, store: Store) -> None:
        assert store.run(find_token("zzzzzzzz")) is None
        assert store.run(note_token_use("zzzzzzzz")) is False
        assert not store.client.exists(TOKENS_USED)

    def test_a_revoked_one_is_gone_with_all_that_was_noted(self, store: Store) -> None:
        kept(store)
        store.run(note_token_use(SHOP.id))
        assert store.run(revoke_token(SHOP.id)) is True
        assert store.run(revoke_token(SHOP.id)) is False
        assert store.run(find_token(SHOP.id)) is None
        assert store.run(list_tokens()) == []
        assert not store.client.exists(TOKENS, TOKENS_USED)

    def test_one_that_has_expired_is_listed_but_not_found(self, store: Store) -> None:
        added = kept(store, lives=600)
        assert added.expires_at == added.made_at + 600
        assert store.run(find_token(SHOP.id)) == added
        record = store.client.hget(TOKENS, SHOP.id)
        assert isinstance(record, bytes)
        now = seconds(store)
        over = record.replace(str(added.expires_at).encode(), str(now).encode())
        store.client.hset(TOKENS, SHOP.id, over)
        assert store.run(find_token(SHOP.id)) is None
        assert [one.expires_at for one in store.run(list_tokens())] == [now]

    def test_its_use_is_noted_by_the_hour(self, store: Store) -> None:
        kept(store)
        assert store.run(note_token_use(SHOP.id)) is True
        (one,) = store.run(list_tokens())
        assert one.used_at % 3600 == 0
        assert 0 <= seconds(store) - one.used_at < 3660

    def test_all_are_listed_the_oldest_first(self, store: Store) -> None:
        ids = [draw_token()[0] for _ in range(5)]
        for id in ids:
            kept(store, Token(id, "one", frozenset({Scope.READ}), frozenset()))
        found = store.run(list_tokens())
        assert {one.token.id for one in found} == set(ids)
        assert found == sorted(found, key=lambda one: (one.made_at, one.token.id))

    def test_adding_it_again_changes_nothing(self, store: Store) -> None:
        added = kept(store, lives=10)
        assert kept(store, lives=99) == added

    def test_an_id_that_is_taken_is_not_given_to_another(self, store: Store) -> None:
        kept(store)
        with pytest.raises(StoreRefused, match="draw another"):
            store.run(add_token(SHOP, "t" * 43))
        found = store.run(find_token(SHOP.id))
        assert found is not None
        assert found.proves(SECRET)

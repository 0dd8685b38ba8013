"""API tokens: add_token, find_token, note_token_use, revoke_token, list_tokens."""

import dataclasses

import pytest

from store.access.tokens import (
    KeptToken,
    Limit,
    Scope,
    Token,
    add_token,
    draw_token,
    find_token,
    list_tokens,
    note_token_use,
    read_limit,
    revoke_token,
    take_quota,
)
from store.client import Store
from store.errors import StoreRefused
from store.keys import TOKENS, TOKENS_USED, quota

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


def used(store: Store, share: float, limit: Limit) -> None:
    """So much of the quota is used."""
    now = store.client.time()
    until = now[0] * 1e6 + now[1] + share * limit.seconds * 1e6
    store.client.set(quota(SHOP.id), f"{until:.3f}")


class TestQuota:
    HOUR = Limit(100, 3600)

    def test_a_limit_is_kept_with_its_token(self, store: Store) -> None:
        limited = dataclasses.replace(SHOP, limit=Limit(100, 60))
        kept(store, limited)
        found = store.run(find_token(SHOP.id))
        assert (found and found.token, str(limited.limit)) == (limited, "100/min")

    @pytest.mark.parametrize("text", ["", "100", "0/s", "-1/s", "1/w", "1 /s", "10000000/s"])
    def test_a_text_that_is_no_limit_is_none(self, text: str) -> None:
        assert read_limit(text) is None

    @pytest.mark.parametrize("most", [1, 3, 7, 100, 9_999_999])
    def test_all_of_a_quota_can_be_taken_at_once_and_then_nothing(
        self, store: Store, most: int
    ) -> None:
        taken = store.run(take_quota(SHOP.id, Limit(most, 86_400), most))
        assert (taken.taken, taken.left, taken.wait_ms) == (True, 0, 0)
        again = store.run(take_quota(SHOP.id, Limit(most, 86_400), most))
        assert (again.taken, again.wait_ms > 0) == (False, True)

    def test_what_does_not_fit_takes_nothing(self, store: Store) -> None:
        store.run(take_quota(SHOP.id, self.HOUR, 60))
        refused = store.run(take_quota(SHOP.id, self.HOUR, 41))
        assert (refused.taken, refused.left) == (False, 40)
        assert 35_000 < refused.more_ms <= refused.wait_ms <= 36_000
        assert store.run(take_quota(SHOP.id, self.HOUR, 40)).taken

    def test_a_used_quota_comes_back_evenly(self, store: Store) -> None:
        used(store, 0.5, self.HOUR)
        half = store.run(take_quota(SHOP.id, self.HOUR, 10))
        assert (half.taken, half.left) == (True, 40)
        used(store, 1.0, self.HOUR)
        none = store.run(take_quota(SHOP.id, self.HOUR, 100))
        assert (none.taken, none.left) == (False, 0)
        assert 3_590_000 < none.wait_ms <= 3_600_000

    def test_the_key_goes_when_the_quota_is_whole(self, store: Store) -> None:
        store.run(take_quota(SHOP.id, self.HOUR, 25))
        assert 890_000 < store.client.pttl(quota(SHOP.id)) <= 900_000

    def test_each_token_has_its_own(self, store: Store) -> None:
        store.run(take_quota(SHOP.id, self.HOUR, 100))
        assert store.run(take_quota("other123", self.HOUR, 100)).taken

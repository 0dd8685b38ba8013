"""The tier of a portfolio: to how many people it may write outside service windows in 24 hours.

A person takes a place when a message to them is claimed, and keeps it for 24 hours from the last such
claim, and a quarter to half an hour more. The store holds no numbers but fingerprints of them. Up to a
tier of 10,000 these have three bytes in one of 1,024 parts, which is exact: two people share one once in
a million. Above it they have two bytes, with which about one person in a thousand passes for another one
who has a place; that is far less than the reserve, and 100,000 people take less than 400 KB.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple
from zlib import crc32

from config.settings import Settings
from store.client import Call, command, script_call, text
from store.keys import TIERS, places
from store.lanes.lane import parse_fields

UNLIMITED = 0
EXACT = 10_000
"""Greatest tier whose people have the longer fingerprints."""
QUARTER_SECONDS = 900
KEPT_QUARTERS = 98
"""A place lasts to the end of so many quarters of an hour, that of the claim among them."""
_ANY_NUMBER = 2**50
_SHARE = 0.05
"""Part of a tier that a wait is for at most: so often a day waiting messages are looked at again."""
_REVISION = ":revision"
_SETTINGS = ":settings"


@dataclass(frozen=True, slots=True)
class Tiers:
    """Tiers as the provider told them."""

    found: Mapping[str, tuple[int, int]] = field(
        default_factory=dict
    )  # portfolio → tier, configured
    revision: int = 0  # grows with each change

    def of(self, portfolio: str, configured: int) -> int:
        """The tier in force; `UNLIMITED` for none. What the provider told counts until the settings name
        another tier than they did then."""
        told, then = self.found.get(portfolio, (configured, configured))
        return told if then == configured else configured

    def budget(self, settings: Settings, sub_account: str) -> "Budget | None":
        """The tier in force for a sub-account; None: it has none, so nothing is counted."""
        account = settings.sub_accounts.get(sub_account)
        if account is None or account.tier is None:
            return None
        portfolio = settings.portfolio_of(sub_account)
        configured = settings.tier_of(portfolio) or UNLIMITED
        tier = self.of(portfolio, configured)
        return Budget(portfolio, tier, 1 - account.tier_reserve, tier != configured)


class Budget(NamedTuple):
    """The tier of a portfolio as a sub-account may use it."""

    portfolio: str
    tier: int  # people in 24 hours; `UNLIMITED`: any number
    share: float  # of it, for campaigns
    told: bool  # by the provider; False: as configured

    @property
    def for_campaigns(self) -> int:
        return share_of(self.tier, self.share) if self.tier else UNLIMITED

    @property
    def even_rate(self) -> float:
        """New people per second at which campaigns never wait for a place; 0: any number."""
        return self.for_campaigns / (KEPT_QUARTERS * QUARTER_SECONDS)


def read_tiers() -> Call[Tiers]:
    def parse(reply: Any) -> Tiers:
        is_ = {name: text(value) for name, value in parse_fields(reply).items()}
        revision = int(is_.pop(_REVISION, 0))
        words = {name: told.split() for name, told in is_.items()}
        return Tiers({name: (int(to[0]), int(to[1])) for name, to in words.items()}, revision)

    return command("HGETALL", TIERS, parse=parse)


def change_tier(portfolio: str, tier: int, configured: int, event_ms: int) -> Call[bool]:
    """Note a tier that the provider told; False if a later event told one already."""
    return script_call("change_tier", (TIERS,), (portfolio, tier, configured, event_ms), bool)


def note_settings(tiers: Tiers, configured: str) -> Call[bool] | None:
    """Raise the revision if the settings tell other tiers than last time; None: they tell none."""
    if not configured and _SETTINGS not in tiers.found:
        return None
    return change_tier(_SETTINGS, crc32(configured.encode()), 0, 0)


def share_of(tier: int, share: float) -> int:
    """The places of a share of a tier, at least one."""
    return max(1, int(tier * share))


class Over(NamedTuple):
    """People without a place."""

    positions: Sequence[int]
    until: int  # s since 1970, when places are free


def reserve_places(
    portfolio: str, tier: int, people: Sequence[bytes], share: float | None = 1
) -> Call[Over]:
    """Reserve a place for each of at most about 1,000 people. A repeat changes nothing.

    Args:
        share: of the tier that may be taken; None: they are only counted.
    """
    most = _ANY_NUMBER if share is None else share_of(tier, share)
    width = 3 if tier <= EXACT else 2
    digests = b"".join([blake2b(who, digest_size=5).digest() for who in people])
    words = (most, width, max(1, int(tier * _SHARE)), digests)
    return script_call(
        "reserve_places", (places(portfolio),), words, lambda reply: Over(reply[1:], reply[0])
    )


class Used(NamedTuple):
    """The taken places of a portfolio, by the times at which they become free, s since 1970."""

    until: Sequence[tuple[int, int]]

    @property
    def people(self) -> int:
        return sum(n for _, n in self.until)

    def last_turn(self, n: int, most: int, now: float) -> float:
        """When the last of `n` further people finds a place, s since 1970."""
        at, free, leaving = now, most - self.people, deque(self.until)
        while n > free:
            if free > 0:
                n -= free
                leaving.append((int(at) + KEPT_QUARTERS * QUARTER_SECONDS, free))
                free = 0
            at, left = leaving.popleft()
            free += left
        return at


def read_used(portfolio: str, now: float) -> Call[Used]:
    """The taken places of a portfolio.

    Args:
        now: s since 1970.
    """

    def ends(reply: Any) -> Iterator[tuple[int, int]]:
        for pair in text(reply).split():
            at, n = map(int, pair.split(":"))
            until = (at + KEPT_QUARTERS) * QUARTER_SECONDS
            if until > now:
                yield until, n

    return command("HGET", places(portfolio), "people", parse=lambda reply: Used([*ends(reply)]))

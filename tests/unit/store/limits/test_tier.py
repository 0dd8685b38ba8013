"""The tier of a portfolio in virtual time, against a provider that counts people exactly."""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from lupa import lua51  # type: ignore[import-untyped]

from store.client import Call
from store.limits.tier import (
    KEPT_QUARTERS,
    QUARTER_SECONDS,
    UNLIMITED,
    Over,
    Tiers,
    Used,
    reserve_places,
)
from store.scripts import load_scripts

DAY = 86_400
LONGEST_LAG = 600
"""Seconds from a claim to its POST."""
RESERVE = 0.03
REDIS = """
hash, clock = {}, 0
local commands = {
  TIME = function() return { tostring(math.floor(clock)), '0' } end,
  HMGET = function(_, ...)
    local found = {}
    for i, name in ipairs({ ... }) do found[i] = hash[name] or false end
    return found
  end,
  HSET = function(_, ...)
    local words = { ... }
    for i = 1, #words, 2 do hash[words[i]] = tostring(words[i + 1]) end
  end,
  HDEL = function(_, name) hash[name] = nil end,
  HGETALL = function()
    local all = {}
    for name, value in pairs(hash) do all[#all + 1], all[#all + 2] = name, value end
    return all
  end,
  PEXPIRE = function() end,
}
redis = { call = function(name, ...) return commands[name](...) end }
"""


class Places:
    """The script, run by Lua alone: 200 runs of days take seconds."""

    def __init__(self) -> None:
        self._lua = lua51.LuaRuntime(encoding=None)
        self._lua.execute(REDIS.encode())
        source = load_scripts(flags=False)["reserve_places"].source.encode()
        self._script = self._lua.eval(b"function(code) return loadstring(code) end")(source)

    def run(self, call: Call[Over], at: float) -> Over:
        names = self._lua.globals()
        names[b"clock"] = at
        words = [word if isinstance(word, bytes) else str(word).encode() for word in call.args]
        names[b"KEYS"], names[b"ARGV"] = (
            self._lua.table(call.keys[0].encode()),
            self._lua.table(*words),
        )
        found = call.parse([int(n) for n in self._script().values()])
        assert isinstance(found, Over)
        return found

    @property
    def bytes(self) -> int:
        return sum(len(k) + len(v) for k, v in self._lua.globals()[b"hash"].items())


@dataclass
class Provider:
    """Counts the people of the last 24 hours, each from the POST."""

    most: int = 0
    _last: dict[int, float] = field(default_factory=dict)
    _posts: deque[tuple[float, int]] = field(default_factory=deque)

    def take(self, posts: Sequence[tuple[float, int]]) -> None:
        for at, person in posts:
            while self._posts and self._posts[0][0] <= at - DAY:
                then, old = self._posts.popleft()
                if self._last.get(old) == then:
                    del self._last[old]
            self._last[person] = at
            self._posts.append((at, person))
            self.most = max(self.most, len(self._last))


@dataclass
class Portfolio:
    """Campaigns wait for places; notifications and urgent messages come all the time."""

    tier: int
    rng: random.Random
    places: Places = field(default_factory=Places)
    posts: list[tuple[float, int]] = field(default_factory=list)

    def send(self, people: Sequence[int], at: float, share: float | None) -> tuple[list[int], int]:
        """Claim messages; returns those who wait, and until when."""
        left: list[int] = []
        until = 0
        for first in range(0, len(people), 1000):
            some = people[first : first + 1000]
            call = reserve_places("p", self.tier, [b"%d" % one for one in some], share)
            over = self.places.run(call, at)
            late = set(over.positions)
            posted = at + self.rng.uniform(0, LONGEST_LAG)
            self.posts += [(posted, one) for i, one in enumerate(some) if i not in late]
            left += [some[i] for i in over.positions]
            until = over.until if late else until
        return left, until

    def run(self, days: int, backlog: int) -> Provider:
        """A backlog for all these days, with new campaigns to some of the same people."""
        people = [447_000_000_000 + self.rng.randrange(10**9) for _ in range(backlog)]
        waiting, wake, begin = people, 0, 1_700_000_000 + self.rng.randrange(DAY)
        others = self.tier * RESERVE / 3 / 24  # an hour: together less than the reserve
        for minute in range(0, days * 24 * 60, 10):
            at = begin + minute * 60.0
            if minute % 60 == 0:
                n = int((minute // 60 + 1) * others) - int(minute // 60 * others)
                new = [self.rng.randrange(10**12) for _ in range(n)]
                self.send(new, at, 1)
                self.send(self.rng.sample(people, n) + new, at, None)
            if self.rng.random() < 0.01:
                waiting = waiting + self.rng.sample(people, backlog // 10)
            if waiting and at >= wake:
                waiting, wake = self.send(waiting, at, 1 - RESERVE)
        provider = Provider()
        provider.take(sorted(self.posts))
        return provider


def tier_of(seed: int) -> int:
    return 100_000 if seed == 0 else 10_000 if seed < 3 else random.Random(seed).choice((250, 2000))


@pytest.mark.parametrize("seeds", [range(first, first + 20) for first in range(0, 200, 20)])
def test_a_tier_is_never_exceeded_and_nearly_used(seeds: range) -> None:
    for seed in seeds:
        tier = tier_of(seed)
        portfolio = Portfolio(tier, random.Random(seed))
        provider = portfolio.run(days=3, backlog=min(tier * 4, 200_000))
        assert 0.9 * tier < provider.most <= tier, seed
        assert len(portfolio.posts) > 1.9 * tier, seed


def test_a_hundred_thousand_people_take_less_than_400_kb() -> None:
    portfolio = Portfolio(100_000, random.Random(7))
    portfolio.send(range(120_000), 1_700_000_000, 1)
    assert portfolio.places.bytes < 320_000


def test_a_sketch_takes_few_people_for_others() -> None:
    portfolio = Portfolio(100_000, random.Random(7))
    left, _ = portfolio.send(range(100_000), 1_700_000_000, 0.97)
    assert 0.96 * 100_000 < len(portfolio.posts) < 0.973 * 100_000
    assert len(left) == 100_000 - len(portfolio.posts)


def test_up_to_ten_thousand_it_is_exact() -> None:
    portfolio = Portfolio(10_000, random.Random(7))
    left, until = portfolio.send(range(20_000), 1_700_000_000, 1)
    assert left == [*range(10_000, 20_000)]
    quarter = 1_700_000_000 // QUARTER_SECONDS
    assert until == (quarter + KEPT_QUARTERS) * QUARTER_SECONDS
    assert portfolio.send(range(10_000), until - 1, 1) == ([], 0)


def test_what_the_provider_told_holds_until_the_settings_say_something_else() -> None:
    tiers = Tiers({"shop": (10_000, 2000), "bank": (UNLIMITED, 250)}, 3)
    assert tiers.of("shop", 2000) == 10_000
    assert tiers.of("shop", 250) == 250
    assert tiers.of("bank", 250) == UNLIMITED
    assert tiers.of("other", 100) == 100


@pytest.mark.parametrize(
    ("people", "days"), [(1000, 0), (6288, 0), (6289, 0.5), (9701, 1), (50_000, 5.1)]
)
def test_a_plan_knows_when_the_last_one_finds_a_place(people: int, days: float) -> None:
    now = 1_700_000_000
    used = Used([(now + 40_000, 3412)])
    at = used.last_turn(people, 9700, now)
    assert abs(at - now - days * DAY) < 0.1 * DAY

"""Marketing waits for the hours of its people, and costs nothing where no hours are configured."""

from datetime import UTC, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

import pytest

from chatapps.responses import Result
from store.client import command
from store.keys import lane_keys
from store.lanes.lane import LaneStatus, Priority, move_lane
from store.people.quiet_hours import LocalStart, change_quiet_hours
from store.purposes import Purpose
from store.states import State
from store.templates import keep_registry
from tests.integration.worker.rig import Post, Rig, account, taken, until

LONDON, NEW_YORK = 447700900000, 12125550000


def shut(zone: str = "America/New_York") -> str:
    """Hours of a day that are neither now nor within an hour."""
    hour = datetime.now(ZoneInfo(zone)).hour
    return f"{hour + 2}:00-{hour + 3}:00" if hour < 20 else "00:00-01:00"


def configure(rig: Rig, **hours: str) -> None:
    rig.configure(quiet_hours={"enabled": True, "hours": {"GB": "always", "*": "always", **hours}})


def people(n: int, first: int) -> list[bytes]:
    return [b"%d\tGuest" % (first + i) for i in range(n)]


def put_off(rig: Rig, lane: str) -> dict[str, float]:
    call = command("ZRANGE", lane_keys(lane).retries, 0, -1, "WITHSCORES", parse=list)
    found = rig.store.run(call)
    pairs = (
        found if found and isinstance(found[0], list) else zip(found[::2], found[1::2], strict=True)
    )
    return {name.decode(): float(score) for name, score in pairs}


async def test_people_whose_hours_are_over_wait_until_they_begin_and_others_get_it(
    rig: Rig,
) -> None:
    configure(rig, US=shut())
    lane = rig.campaign(0, lines=people(10, NEW_YORK) + people(20, LONDON))
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 20)
    assert rig.counts(lane) == {State.ACCEPTED: 20, State.DELAYED: 10}
    assert sorted(i for post in rig.provider.posts for i in post.indexes) == [*range(10, 30)]
    ((name, due),) = put_off(rig, lane).items()
    local = datetime.fromtimestamp(due / 1000, ZoneInfo("America/New_York"))
    assert name.startswith("q")
    assert f"{local:%-H:%M}-" in f" {shut()}".replace(" 00:", "0:")


async def test_they_get_it_when_the_hours_begin(rig: Rig) -> None:
    configure(rig, US=shut())
    lane = rig.campaign(0, lines=people(10, NEW_YORK))
    await rig.drain_until(lambda: rig.counts(lane).get(State.DELAYED) == 10)
    configure(rig, US="always")
    rig._drain = None
    rig.due(lane)
    await rig.sweep()
    await rig.drain_until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)
    assert rig.counts(lane) == {State.ACCEPTED: 10}
    assert {1} == set().union(*(post.attempts for post in rig.provider.posts))


async def test_hours_that_only_a_newer_worker_can_read_are_left_to_it(rig: Rig) -> None:
    configure(rig)
    rig.store.run(change_quiet_hours(None, {"US": "Mon-Sat 08:00-20:00, not at full moon"}))
    news = rig.campaign(5, "News", lines=people(5, NEW_YORK), purpose=Purpose.UTILITY)
    other = rig.campaign(5, "Other", lines=people(5, LONDON))
    lane = rig.campaign(5, lines=people(5, NEW_YORK))

    def ended() -> bool:
        return all(rig.lane(one).status is LaneStatus.FINISHED for one in (news, other))

    await rig.drain_until(lambda: ended() and bool(rig.lane(lane).reason))
    assert rig.counts(lane) == {State.QUEUED: 5}
    assert rig.lane(lane).reason.startswith(
        'The worker on host-1 cannot send: "Mon-Sat 08:00-20:00, not at full moon" is no hours'
    )
    rig.store.run(change_quiet_hours(None, {"US": None}))
    newer = Rig(rig.store, rig.url, "host-2:1:abc")
    await newer.drain_until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)
    await newer.close()


async def test_holidays_that_only_a_newer_worker_knows_are_left_to_it(rig: Rig) -> None:
    configure(rig)
    rig.store.run(change_quiet_hours(None, {"AC": "always, not holidays"}))
    lane = rig.campaign(0, lines=people(5, 24740000))
    await rig.drain_until(lambda: bool(rig.lane(lane).reason))
    assert 'No public holidays are known of "AC"' in rig.lane(lane).reason
    assert rig.counts(lane) == {State.QUEUED: 5}


async def test_a_change_of_the_hours_lets_them_go_with_the_next_sweep(rig: Rig) -> None:
    configure(rig, US=shut())
    lane = rig.campaign(0, lines=people(10, NEW_YORK))
    async with rig.dispatching():
        await until(lambda: rig.counts(lane).get(State.DELAYED) == 10)
        rig.store.run(change_quiet_hours(None, {"US": "always"}))
        await until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)
    assert rig.counts(lane) == {State.ACCEPTED: 10}


async def test_a_change_that_concerns_others_puts_them_off_again(rig: Rig) -> None:
    configure(rig, US=shut())
    lane = rig.campaign(0, lines=people(10, NEW_YORK))
    async with rig.dispatching():
        await until(lambda: rig.counts(lane).get(State.DELAYED) == 10)
        rig.store.run(change_quiet_hours(None, {"FR": "always"}))
        await until(lambda: all("-1-" in name for name in put_off(rig, lane)))
        await until(lambda: rig.counts(lane) == {State.DELAYED: 10})
    assert not rig.provider.posts


async def test_switching_the_hours_on_holds_marketing_that_is_going_out(rig: Rig) -> None:
    rig.configure(quiet_hours={"hours": {"US": shut()}})
    lane = rig.campaign(0, lines=people(10, NEW_YORK))
    rig.store.run(change_quiet_hours(True, {}))
    await rig.drain_until(lambda: rig.counts(lane).get(State.DELAYED) == 10)
    assert not rig.provider.posts


@pytest.mark.parametrize(
    ("purpose", "priority"),
    [
        (Purpose.UTILITY, Priority.BULK),
        (Purpose.MARKETING, Priority.URGENT),
    ],
)
async def test_urgent_messages_and_other_purposes_never_wait(
    rig: Rig, purpose: Purpose, priority: Priority
) -> None:
    configure(rig, US=shut())
    lane = rig.campaign(0, lines=people(10, NEW_YORK), purpose=purpose, priority=priority)
    await rig.drain_until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)
    assert rig.counts(lane) == {State.ACCEPTED: 10}


async def test_an_authentication_template_never_waits(rig: Rig) -> None:
    configure(rig, US=shut())
    rig.store.run(keep_registry("shop", {"login:en": Purpose.AUTHENTICATION}))
    lane = rig.campaign(
        0, lines=people(3, NEW_YORK), template="login:en", purpose=Purpose.AUTHENTICATION
    )
    await rig.drain_until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)


async def test_single_messages_wait_only_if_they_are_marketing(rig: Rig) -> None:
    configure(rig, GB=shut("Europe/London"))
    lane = rig.notifications("n-a1b2c3-n250615", ["a", "b"])
    blob = rig.store.client.lpop(lane_keys(lane).queue)
    assert isinstance(blob, bytes)
    first, second = blob.split(b"\n")[1:3]
    lines = b"\n".join([first + b"\tm", second])
    rig.store.client.rpush(lane_keys(lane).queue, b"2 0 0 %d\n%b\n" % (len(lines), lines))
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 1)
    assert rig.counts(lane) == {State.ACCEPTED: 1, State.DELAYED: 1}
    assert rig.provider.posts[0].indexes == [1]


async def test_the_zone_of_the_row_wins(rig: Rig) -> None:
    hour = datetime.now(ZoneInfo("Etc/GMT-6")).hour
    configure(rig, GB=f"{hour}:00-{hour + 1}:00")  # there it is that hour now, and not in London
    lines = [b"%d\tGuest\t%b" % (LONDON + i, zone) for i, zone in enumerate([b"", b"Etc/GMT-6"])]
    lane = rig.campaign(0, lines=lines, extra=("zone",))
    rig.store.client.hset(lane_keys(lane).meta, "zone_place", 2)
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 1)
    assert rig.counts(lane) == {State.ACCEPTED: 1, State.DELAYED: 1}
    assert rig.provider.posts[0].indexes == [1]


async def test_a_local_time_holds_each_zone_until_then(rig: Rig) -> None:
    now = datetime.now(UTC)
    wall = now.astimezone(ZoneInfo("Europe/London")).replace(tzinfo=None, second=0, microsecond=0)
    lane = rig.campaign(0, lines=people(5, LONDON) + people(5, NEW_YORK), purpose=Purpose.UTILITY)
    start = LocalStart(wall, "", (now - timedelta(minutes=5)).timestamp())
    rig.store.client.hset(lane_keys(lane).meta, "local_start", start.dump())
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 5)
    assert rig.counts(lane) == {State.ACCEPTED: 5, State.DELAYED: 5}
    ((_, due),) = put_off(rig, lane).items()
    hours = (due / 1000 - now.timestamp()) / 3600
    assert 3.9 < hours < 5.1  # as far as New York is behind London


async def test_open_people_behind_many_shut_ones_do_not_wait_for_permits(rig: Rig) -> None:
    rig.configure(sub_accounts={"shop": account(messages_per_second=40)})
    configure(rig, US=shut())
    lane = rig.campaign(0, lines=people(4000, NEW_YORK) + people(10, LONDON))
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 10)
    assert rig.counts(lane) == {State.ACCEPTED: 10, State.DELAYED: 4000}
    assert rig.watched.ran.count("settle_batch") < 12
    assert len(put_off(rig, lane)) == 4


async def test_nor_for_the_rate_of_the_campaign(rig: Rig) -> None:
    configure(rig, US=shut())
    lane = rig.campaign(0, lines=people(4000, NEW_YORK) + people(10, LONDON))
    rig.store.client.hset(lane_keys(lane).meta, "rate", 20)
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 10)
    assert rig.watched.ran.count("claim_batch") < 20


async def test_open_people_among_shut_ones_do_not_lose_the_turns_of_its_rate(rig: Rig) -> None:
    configure(rig, US=shut())
    groups = [people(4, NEW_YORK + 4 * i) + people(1, LONDON + i) for i in range(10)]
    lane = rig.campaign(0, lines=list(chain.from_iterable(groups)))
    rig.store.client.hset(lane_keys(lane).meta, "rate", 10)
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 10)
    begun, turn = (
        rig.store.run(command("HGET", lane_keys(lane).meta, name, parse=float))
        for name in ("started_at", "turn")
    )
    assert turn - begun < 2500  # ms; 1000 at 10 messages/s, 5000 if the others had turns, too
    assert rig.counts(lane) == {State.ACCEPTED: 10, State.DELAYED: 40}


async def test_a_request_is_made_when_those_who_wait_are_put_off_and_no_longer_in_its_batch(
    rig: Rig,
) -> None:
    configure(rig, US=shut())
    lane = rig.campaign(0, lines=people(10, NEW_YORK) + people(20, LONDON))
    seen: list[dict[State, int]] = []

    def answer(post: Post) -> Result:
        seen.append(rig.counts(lane))
        return taken(post)

    rig.provider.steps = [answer]
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 20)
    assert seen == [{State.IN_FLIGHT: 20, State.DELAYED: 10}]


async def test_without_hours_nothing_is_asked_or_put_off(rig: Rig) -> None:
    lane = rig.campaign(0, lines=people(10, NEW_YORK))
    await rig.drain_until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)
    assert not rig.store.run(command("EXISTS", "sm:quiet_hours", parse=int))
    assert rig.watched.ran.count("claim_batch") <= 2


async def test_a_cancelled_campaign_ends_those_who_wait(rig: Rig) -> None:
    configure(rig, US=shut())
    lane = rig.campaign(0, lines=people(10, NEW_YORK))
    await rig.drain_until(lambda: rig.counts(lane).get(State.DELAYED) == 10)
    rig.store.run(move_lane(lane, "cancel"))
    await rig.sweep()
    assert rig.lane(lane).status is LaneStatus.CANCELLED
    assert rig.counts(lane) == {State.CANCELLED: 10}

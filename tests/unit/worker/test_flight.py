"""What a flight remembers on its way."""

from store.flights import Mark
from store.outcomes import LocalReason, Origin
from tests.unit.worker.given import CAMPAIGN, NOW, flight, job, jobs


def test_times_are_those_of_redis_carried_on_by_our_clock() -> None:
    flown = flight(jobs(1))
    flown.note_mark(Mark("ok", 1, (NOW + 5) * 1000), clock=100.0)
    assert flown.posted_at() == NOW + 5
    assert flown.now(102.5) == NOW + 7


def test_a_mark_that_forbids_the_post_is_no_time_of_posting() -> None:
    flown = flight(jobs(1))
    flown.note_mark(Mark("paused", 1, (NOW + 5) * 1000), clock=100.0)
    assert flown.posted_at() == NOW
    assert flown.now(100.0) == NOW + 5


def test_the_batch_id_that_travels_names_the_lane() -> None:
    assert flight(jobs(1)).client_batch_id == f"{CAMPAIGN.id}.b1b1b1b1b1b1"


def test_a_trail_tells_attempt_code_time_and_batch_once_for_all_that_fared_alike() -> None:
    flown = flight(jobs(3))
    flown.note_trail((one, (Origin.HTTP, 503)) for one in jobs(3))
    assert flown.trails == [(0, f"0-2 1 http 503 {NOW} b1b1b1b1b1b1".encode())]


def test_messages_that_fared_differently_have_trails_of_their_own() -> None:
    flown = flight(jobs(1))
    doubt = (Origin.LOCAL, LocalReason.NO_ANSWER)
    flown.note_trail([(job(0), doubt), (job(1, attempts=4), doubt), (job(2), (Origin.API, 2000))])
    assert [entry.rsplit(b" ", 2)[0] for _, entry in flown.trails] == [
        b"0 1 local 2",
        b"1 5 local 2",
        b"2 1 api 2000",
    ]


def test_nothing_failed_is_no_trail() -> None:
    flown = flight(jobs(1))
    flown.note_trail([])
    assert flown.trails == []

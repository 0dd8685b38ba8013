"""When a campaign is at fault itself, and when its people only happen to be refused."""

import pytest

from chatapps.codes import API_CODES, CodeClass
from store.records.outcome import Origin
from tests.unit.worker.given import job, jobs
from worker.results.classify import Verdicts
from worker.results.refusal_streaks import OF_THE_PERSON, RefusalStreaks, blames_the_message

PARAMETER = 3041  # "a template parameter is not valid"
NUMBER = 1002  # "the phone number is not valid"
UNKNOWN = 9999


def refused(n: int, code: int = PARAMETER) -> Verdicts:
    """A request in which all messages were refused alike."""
    return Verdicts(rejected=[(one, (Origin.API, code)) for one in jobs(n)])


def test_one_big_request_that_is_refused_alike_stops_the_campaign() -> None:
    why = RefusalStreaks(20).note("a", refused(20), 20)
    assert why == (
        "each of the last 20 messages was refused with code 3041: a template parameter is not valid"
    )


def test_small_requests_in_a_row_are_added_up() -> None:
    streak = RefusalStreaks(20)
    assert [bool(streak.note("a", refused(6), 6)) for _ in range(4)] == [False, False, False, True]
    assert not streak.note("a", refused(6), 6)  # it begins anew when somebody has it go on


def test_lanes_are_counted_apart() -> None:
    streak = RefusalStreaks(20)
    assert not streak.note("a", refused(15), 15)
    assert not streak.note("b", refused(15), 15)


def one_taken() -> Verdicts:
    verdicts = refused(14)
    verdicts.accepted.append((job(14), None))
    return verdicts


def one_other() -> Verdicts:
    verdicts = refused(14)
    verdicts.rejected.append((job(14), (Origin.API, 3006)))
    return verdicts


@pytest.mark.parametrize(
    "between", [one_taken(), one_other(), refused(15, NUMBER), refused(15, UNKNOWN)]
)
def test_anything_else_in_between_ends_the_row(between: Verdicts) -> None:
    streak = RefusalStreaks(20)
    said = [streak.note("a", one, 15) for one in (refused(15), between, refused(15))]
    assert said == ["", "", ""]


def test_requests_that_are_refused_for_different_causes_are_not_added_up() -> None:
    streak = RefusalStreaks(20)
    requests = [refused(15), refused(15, 3006), refused(15), refused(4), refused(1)]
    stops = [bool(streak.note("a", one, len(one.rejected))) for one in requests]
    assert stops == [False, False, False, False, True]


@pytest.mark.parametrize("code", [NUMBER, UNKNOWN, 0])
def test_people_who_cannot_be_reached_never_stop_it(code: int) -> None:
    assert not RefusalStreaks(20).note("a", refused(1000, code), 1000)


def test_every_code_about_a_person_is_in_the_table_and_condemns_one_message() -> None:
    classes = {API_CODES[code].on_item for code in OF_THE_PERSON}
    assert classes == {CodeClass.PERMANENT_MESSAGE}
    assert not blames_the_message((Origin.LOCAL, 6))

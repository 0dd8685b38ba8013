"""The table of codes, held against the provider's list of API codes written out here once more."""

import pytest

from chatapps.codes import (
    API_CODES,
    CodeClass,
    Scope,
    classify_item,
    classify_request,
    meaning,
    scope,
)

TRANSIENT = CodeClass.TRANSIENT
THROTTLE = CodeClass.THROTTLE
MESSAGE = CodeClass.PERMANENT_MESSAGE
BATCH = CodeClass.PERMANENT_BATCH

OF_THE_DOCS = {
    TRANSIENT: [2000],
    THROTTLE: [1400],
    MESSAGE: [
        *(1000, 1002, 1004, 1006, 1008, 1009, 1010, 1011, 1300),
        *(3001, 3002, 3003, 3004, 3005, 3006, 3007, 3008, 3015, 3016, 3017, 3018, 3019, 3021),
        *(3028, 3029, 3040, 3041, 3043, 3044, 3046, 3047, 3049, 3050),
    ],
    BATCH: [
        *(1001, 1003, 1005, 1007, 1012, 1014, 1100, 1200, 1201, 2001, 2002, 2003),
        *(3009, 3010, 3011, 3012, 3013, 3014, 3020, 3022, 3023, 3024, 3025, 3026, 3027),
        *(3030, 3031, 3032, 3033, 3034, 3035, 3036, 3037, 3038, 3039, 3042, 3045, 3048),
        *(3051, 3052, 3053, 3060),
    ],
}
OUTSIDE_THE_TABLE = {THROTTLE: [429], MESSAGE: [1054, 4018, 7001]}

ITEMS = [
    (code, wanted)
    for part in (OF_THE_DOCS, OUTSIDE_THE_TABLE)
    for wanted, codes in part.items()
    for code in codes
]


@pytest.mark.parametrize(("code", "wanted"), ITEMS)
def test_a_code_on_one_message_has_the_class_of_the_docs(code: int, wanted: CodeClass) -> None:
    assert classify_item(code) is wanted


def test_the_table_holds_these_codes_and_no_others() -> None:
    assert sorted(API_CODES) == sorted(code for code, _ in ITEMS)
    assert sum(map(len, OF_THE_DOCS.values())) == 77


@pytest.mark.parametrize("code", [None, 0, -1, 9999])
def test_an_unknown_code_on_one_message_condemns_that_message_only(code: int | None) -> None:
    assert classify_item(code) is MESSAGE


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(("code", "wanted"), ITEMS)
def test_a_bad_request_is_judged_by_its_code(status: int, code: int, wanted: CodeClass) -> None:
    # An envelope fault and a wrong path: no message is at fault. One that comes too soon is.
    expected = {1000: BATCH, 1300: BATCH, 1400: MESSAGE}.get(code, wanted)
    assert classify_request(status, code) is expected


@pytest.mark.parametrize(
    ("status", "code", "wanted"),
    [
        (429, 429, THROTTLE),
        (429, None, THROTTLE),
        (429, 1002, THROTTLE),
        (500, 2000, TRANSIENT),
        (500, None, TRANSIENT),
        (500, 3038, TRANSIENT),
        (502, None, TRANSIENT),
        (503, None, TRANSIENT),
        (504, None, TRANSIENT),
        (599, None, TRANSIENT),
        (408, None, TRANSIENT),
        (200, None, TRANSIENT),
        (400, None, BATCH),
        (400, 9999, BATCH),
        (422, None, BATCH),
        (422, 9999, BATCH),
        (401, 1200, BATCH),
        (403, 1200, BATCH),
        (403, 1002, BATCH),
        (404, 1300, BATCH),
        (404, None, BATCH),
        (409, 3060, BATCH),
        (410, None, BATCH),
        (426, 1014, BATCH),
        (418, None, BATCH),
        (301, None, BATCH),
        (413, 7001, MESSAGE),
        (413, None, MESSAGE),
        (415, None, MESSAGE),
    ],
)
def test_a_refused_request_is_judged_by_its_status(
    status: int, code: int | None, wanted: CodeClass
) -> None:
    assert classify_request(status, code) is wanted


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        (1200, Scope.ACCOUNT),
        (1001, Scope.ACCOUNT),
        (1012, Scope.ACCOUNT),
        (3035, Scope.CHANNEL),
        (3038, Scope.TEMPLATE),
        (3033, Scope.TEMPLATE),
        (3013, Scope.REQUEST),
        (9999, Scope.REQUEST),
        (None, Scope.REQUEST),
    ],
)
def test_a_cause_stops_what_it_concerns_and_no_more(code: int | None, wanted: Scope) -> None:
    assert scope(code) is wanted


@pytest.mark.parametrize("code", [1005, 1003, 3011, 3022, 3023])
def test_what_a_campaign_writes_about_its_fallback_stops_that_campaign_only(code: int) -> None:
    assert scope(code) is Scope.REQUEST


@pytest.mark.parametrize(
    ("status", "wanted"),
    [(401, Scope.ACCOUNT), (403, Scope.ACCOUNT), (409, Scope.TEMPLATE), (400, Scope.REQUEST)],
)
def test_without_a_known_code_the_status_says_what_is_concerned(status: int, wanted: Scope) -> None:
    assert scope(None, status) is wanted
    assert scope(9999, status) is wanted
    assert scope(3038, status) is Scope.TEMPLATE


def test_every_code_has_words_for_people() -> None:
    assert all(0 < len(row.meaning) < 70 for row in API_CODES.values())
    assert meaning(3038) == "no such template in this language"
    assert meaning(9999) == "unknown code 9999"
    assert meaning(None) == "no error code"

"""The table of receipt codes, held against the provider reference written out here once more."""

import pytest

from chatapps.code_table import API_CODES, CodeClass
from chatapps.receipt_codes import RECEIPT_CODES, Action, Family, ReceiptCode, receipt_code

TRANSIENT = CodeClass.TRANSIENT
THROTTLE = CodeClass.THROTTLE
MESSAGE = CodeClass.PERMANENT_MESSAGE
BATCH = CodeClass.PERMANENT_BATCH

ANY: dict[CodeClass | None, list[int]] = {
    MESSAGE: [1, 9, 15, 25, 2, 3, 18, 29, 41, 43, 61, 36],
    BATCH: [42],
    THROTTLE: [11],
    TRANSIENT: [14, 23, 46, 57],
}
WHATSAPP: dict[CodeClass | None, list[int]] = {
    BATCH: [
        *(1000, 1001, 1003, 1004, 1006, 1007, 1013, 1019, 1020, 1021),
        *(1039, 1041, 1042, 1043, 1044, 1045, 1046, 1047),
        *(1030, 1031, 1033, 1035, 1036, 1037),
        *(1011, 1023),
    ],
    THROTTLE: [1002, 1008, 1009, 1028, 1038, 1053, 1049],
    TRANSIENT: [1012, 1016, 1029, 1040, 1026, 1027, 1024],
    MESSAGE: [
        *(1010, 1017, 1018, 1051, 1052, 1054),
        *(1005, 1014, 1015, 1022, 1025, 1032, 1034, 1048),
    ],
    None: [1050],
}
VIBER: dict[CodeClass | None, list[int]] = {
    None: [2000],
    BATCH: [2002, 2003, 2010, 2012, 2013, 2020],
    TRANSIENT: [2001, 2006],
    MESSAGE: [
        *(2007, 2008, 2009, 2014, 2023),
        *(2004, 2005, 2015, 2016, 2017, 2018, 2019, 2021, 2022, 2024, 2025),
    ],
}
OF_THE_DOCS = {Family.ANY: ANY, Family.WHATSAPP: WHATSAPP, Family.VIBER: VIBER}
SMS_HAS_NO = {6}  # the list of 0 to 61 leaves it out

CLASSES = [
    (family, code, wanted)
    for family, classes in OF_THE_DOCS.items()
    for wanted, codes in classes.items()
    for code in codes
]

META = {
    1000: 0, 1001: 3, 1002: 4, 1003: 10, 1004: 33, 1005: 100, 1006: 190, 1007: 368, 1008: 80007,
    1009: 130429, 1010: 130472, 1011: 130497, 1012: 131000, 1013: 131005, 1014: 131008, 1015: 131009,
    1016: 131016, 1017: 131021, 1018: 131026, 1019: 131031, 1020: 131037, 1021: 131045, 1022: 131047,
    1023: 131048, 1024: 131049, 1025: 131051, 1026: 131052, 1027: 131053, 1028: 131056, 1029: 131057,
    1030: 132000, 1031: 132001, 1032: 132005, 1033: 132007, 1034: 132012, 1035: 132015, 1036: 132016,
    1037: 132068, 1038: 132069, 1039: 133000, 1040: 133004, 1041: 133005, 1042: 133006, 1043: 133008,
    1044: 133009, 1045: 133010, 1046: 133015, 1047: 133016, 1048: 135000, 1049: 2593107,
    1050: 2593108, 1051: 131050, 1052: 138017, 1053: 138009,
}  # fmt: skip


@pytest.mark.parametrize(("family", "code", "wanted"), CLASSES)
def test_a_code_has_the_class_of_the_docs(
    family: Family, code: int, wanted: CodeClass | None
) -> None:
    channel = "rcs" if family is Family.ANY else family.value

    assert receipt_code(channel, code).code_class is wanted
    assert receipt_code("", code) is receipt_code(channel, code)


def test_the_table_holds_these_codes_and_no_others() -> None:
    general = {code for codes in ANY.values() for code in codes}
    sms = {(Family.SMS, code) for code in set(range(62)) - SMS_HAS_NO - general}

    assert set(RECEIPT_CODES) == {(family, code) for family, code, _ in CLASSES} | sms
    assert (len(CLASSES), len(sms)) == (98, 43)


def test_meta_s_numbers_are_those_of_the_docs() -> None:
    found = {code: row.meta for (_, code), row in RECEIPT_CODES.items() if row.meta is not None}

    assert found == META


@pytest.mark.parametrize(
    ("channel", "code", "action"),
    [
        ("whatsapp", 1051, Action.SUPPRESS),
        ("viber", 2007, Action.SUPPRESS),
        ("whatsapp", 15, Action.SUPPRESS),
        ("whatsapp", 1030, Action.STOP_TEMPLATE),
        ("whatsapp", 1035, Action.STOP_TEMPLATE),
        ("viber", 2020, Action.STOP_TEMPLATE),
        ("whatsapp", 1023, Action.STOP_SENDER),
        ("whatsapp", 1045, Action.STOP_SENDER),
        ("whatsapp", 1011, Action.STOP_COUNTRY),
        ("sms", 42, Action.STOP_ACCOUNT),
        ("whatsapp", 1028, Action.THROTTLE_PAIR),
        ("rcs", 11, Action.THROTTLE_PAIR),
        ("whatsapp", 1009, Action.SLOW_DOWN),
        ("whatsapp", 1016, Action.RETRY_LATER),
        ("viber", 2006, Action.RETRY_LATER),
        ("whatsapp", 1022, Action.FIX_CONTENT),
        ("viber", 2019, Action.FIX_CONTENT),
        ("whatsapp", 1018, Action.UNREACHABLE),
        ("sms", 59, Action.UNREACHABLE),
        ("line", 36, Action.NOTHING),
        ("whatsapp", 1049, Action.NOTHING),
        ("viber", 2003, Action.ALERT),
    ],
)
def test_a_code_asks_for_what_its_group_does(channel: str, code: int, action: Action) -> None:
    assert receipt_code(channel, code).action is action


def test_the_template_codes_stop_one_template_and_the_rest_of_the_batch_codes_more() -> None:
    stops = {
        code
        for (family, code), row in RECEIPT_CODES.items()
        if family is Family.WHATSAPP and row.action is Action.STOP_TEMPLATE
    }

    assert stops == {1030, 1031, 1033, 1035, 1036, 1037}


def test_what_meta_withheld_waits_a_day() -> None:
    assert receipt_code("whatsapp", 1024).wait == 86_400


def test_a_channel_is_known_in_any_case() -> None:
    assert receipt_code("WhatsApp", 1018) is receipt_code("whatsapp", 1018)


def test_every_channel_has_the_general_codes_and_only_its_own_besides() -> None:
    assert receipt_code("viber", 46) is receipt_code("whatsapp", 46) is receipt_code("sms", 46)
    assert receipt_code("viber", 1018).action is Action.ALERT
    assert receipt_code("sms", 59).action is Action.UNREACHABLE
    assert receipt_code("rcs", 59).action is Action.ALERT


@pytest.mark.parametrize(
    ("code", "meaning"),
    [(9999, "unknown code 9999"), (2011, "unknown code 2011"), (None, "no code that we know")],
)
def test_an_unknown_code_condemns_its_message_only_and_calls_somebody(
    code: int | None, meaning: str
) -> None:
    row = receipt_code("viber", code)

    assert row == ReceiptCode(meaning, MESSAGE, Action.ALERT)
    assert row.alert


def test_meta_s_number_helps_when_ours_is_missing_or_unknown() -> None:
    assert receipt_code("whatsapp", None, "131026") is receipt_code("whatsapp", 1018)
    assert receipt_code("whatsapp", 1999, "131050") is receipt_code("whatsapp", 1051)
    assert receipt_code("whatsapp", 15, "131009") is receipt_code("whatsapp", 15)
    assert receipt_code("viber", None, "131026").action is Action.ALERT
    assert receipt_code("whatsapp", None, "7").action is Action.ALERT


def test_codes_that_need_a_person_alert() -> None:
    assert receipt_code("whatsapp", 42).alert
    assert receipt_code("whatsapp", 1035).alert
    assert not receipt_code("whatsapp", 1018).alert
    assert not receipt_code("viber", 2000).alert


def test_the_numbers_of_the_api_s_own_list_mean_something_else() -> None:
    assert API_CODES[1002].on_item is MESSAGE
    assert receipt_code("whatsapp", 1002).code_class is THROTTLE


def test_every_code_has_words_for_people() -> None:
    assert all(0 < len(row.meaning) < 60 for row in RECEIPT_CODES.values())

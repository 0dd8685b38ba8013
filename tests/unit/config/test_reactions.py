"""The table of reactions to receipts: its defaults, and what the settings change."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from chatapps.receipt_codes import RECEIPT_CODES, receipt_code
from config.reactions import CODES, REACTIONS, Reaction, ReactionRule
from config.settings import Settings


def test_the_codes_are_those_of_receipts() -> None:
    known = {code for _, code in RECEIPT_CODES} - {0, 2000, 2011}
    inside = {code for codes in CODES for code in codes}
    assert known <= inside
    assert inside - known <= {6, 56, 2011}


def test_every_default_is_about_a_known_code() -> None:
    known = {code for _, code in RECEIPT_CODES}
    assert {rule.code for rule in REACTIONS} <= known


def test_the_settings_replace_a_row_and_add_others() -> None:
    given: list[dict[str, Any]] = [
        {"code": 1023, "action": "pause_bulk", "threshold": 20, "within": 600, "seconds": 7200},
        {"code": 1051, "action": "none"},
        {"code": 9, "action": "skip_marketing"},
    ]
    found = Settings(reactions=given).reactions_in_force
    assert (found[1023].least, found[1023].window, found[1023].lasts) == (20, 600, 7200)
    assert found[9].lasts == 30 * 86_400
    assert {code: rule.action for code, rule in found.items()} == {
        9: Reaction.SKIP_MARKETING,
        1018: Reaction.SKIP_MARKETING,
        1023: Reaction.PAUSE_BULK,
        2007: Reaction.OPT_OUT,
    }


def test_sending_again_is_off_by_default() -> None:
    assert 1024 not in Settings().reactions_in_force
    on = Settings(reactions=[{"code": 1024, "action": "retry_campaign"}]).reactions_in_force
    assert (on[1024].lasts, on[1024].window) == (86_400, 8 * 86_400)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"code": 999, "action": "pause_bulk"}, "999 is no code of delivery receipts: give one of"),
        ({"code": 1023, "action": "stop"}, "'none', 'pause_bulk', 'skip_marketing'"),
        ({"code": 1023}, "action"),
        ({"code": 1051, "action": "opt_out", "seconds": 5}, "opt_out has no seconds: leave it out"),
        (
            {"code": 1018, "action": "skip_marketing", "threshold": 2},
            "skip_marketing has no threshold: leave it out",
        ),
        (
            {"code": 1024, "action": "retry_campaign", "seconds": 10 * 86_400},
            "1024 would never lead to a campaign: it begins 864000 seconds after the end of the first "
            "one, and within is 691200: give a longer within",
        ),
        (
            {"code": 1024, "action": "retry_campaign", "seconds": 60, "within": 3600},
            "it begins 7200 seconds after the end of the first one, and within is 3600",
        ),
        ({"code": 1023, "action": "pause_bulk", "threshold": 0}, "greater than 0"),
        ({"code": 1023, "action": "pause_bulk", "seconds": 1e9}, "less than or equal to 7776000"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told.replace("'", ".")):
        Settings(reactions=[given])


def test_a_code_has_one_reaction() -> None:
    twice = [{"code": 1023, "action": "none"}, {"code": 1023, "action": "pause_bulk"}]
    with pytest.raises(ValidationError, match="code 1023 is given more than once"):
        Settings(reactions=twice)


def test_the_page_of_limits_shows_the_table() -> None:
    page = (Path(__file__).parents[3] / "docs/explanation/limits.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line[2:6].isdecimal()]
    assert rows == [
        [str(rule.code), receipt_code("", rule.code).meaning, f"`{rule.action}`", *_limits(rule)]
        for rule in REACTIONS
    ]


def _limits(rule: ReactionRule) -> list[str]:
    if rule.action is Reaction.NONE:
        return ["\u2013", "\u2013"]
    known = {0.0: "for good", 3600.0: "1 hour"}
    return [str(rule.least), known.get(rule.lasts, f"{rule.lasts / 86_400:g} days")]

"""Progress and addresses as they are shown."""

import pytest

from chatapps.templates import RegisteredTemplate
from sendmany.cli import application
from sendmany.cli.application import sentence
from sendmany.cli.templates.preview import print_preview
from sendmany.console.connection import place
from sendmany.console.output import (
    as_json,
    pairs_table,
    print_json,
    say,
    screen,
    show,
    show_table,
    table_of,
)
from sendmany.console.progress import sending_note
from store.lanes.lane import LaneStatus
from store.states import State
from tests.unit.sendmany.given import report


def test_the_note_under_the_bar_leaves_out_what_is_not() -> None:
    now = report({State.ACCEPTED: 6, State.DELAYED: 3, State.UNDELIVERED: 1}, stats={"retried": 7})
    assert sending_note(now) == "7 sent (70.0 %) · 1 failed (10.0 %) · 3 waiting (30.0 %)"


def test_the_note_under_the_bar_says_why_a_campaign_stopped() -> None:
    now = report({State.QUEUED: 10}, status=LaneStatus.STOPPED, reason="the API key is wrong")
    assert sending_note(now).endswith("stopped: the API key is wrong")


def test_the_place_of_a_server_has_no_password() -> None:
    assert place("redis://user:secret@host:6380/1") == "host:6380"
    assert place("redis://:secret@host") == "host:6379"
    assert place("unix:///tmp/redis.sock?db=1") == "the socket /tmp/redis.sock"


def test_an_error_is_one_line_with_a_full_stop() -> None:
    assert sentence("two\nlines") == "two lines."
    assert sentence("is it running?") == "is it running?"


def test_a_lane_as_json_tells_times_in_utc() -> None:
    value = as_json(report({State.ACCEPTED: 10}))
    assert value["opened_at"] == "1970-01-01T00:16:40Z"
    assert value["finished_at"] == ""
    assert value["balanced"] is True


EVIL = "a\x1b]0;title\x07b\x9b2J"
SHOWN = "a\\u001b]0;title\\u0007b\\u009b2J"


@pytest.mark.parametrize("color", [False, True])
def test_no_control_character_of_a_text_reaches_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, color: bool
) -> None:
    if color:
        monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    say(EVIL)
    show(EVIL)
    show_table(table_of(["name"], [[EVIL]]))
    show_table(pairs_table([(EVIL, EVIL)], title=EVIL))
    print_json({"name": EVIL})
    print_preview(RegisteredTemplate(EVIL, "en"))
    application._say(EVIL)
    shown = "".join(capsys.readouterr())
    assert "\x1b]" not in shown
    assert not set(shown) & {"\x07", "\x9b"}
    assert shown.count("title") >= 8


def test_an_export_at_a_terminal_shows_what_a_pipe_gets_as_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen().write(EVIL)
    assert capsys.readouterr().out == EVIL
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    screen().write(EVIL)
    assert capsys.readouterr().out == SHOWN

"""Logs: what we say, and what the libraries say, in one form."""

import json
import logging
from typing import Literal

import pytest
import structlog
from kombu.log import get_logger

from config.logging import set_up_logging
from config.settings import Settings


def test_an_error_that_celery_logs_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(Settings(log_format="json"))
    try:
        raise AttributeError("hostname")
    except AttributeError:
        get_logger("celery.worker").critical("Unrecoverable error", exc_info=True)
    entry = json.loads(capsys.readouterr().err)
    assert (entry["event"], entry["level"], entry["logger"]) == (
        "Unrecoverable error", "critical", "celery.worker",
    )  # fmt: skip
    assert "AttributeError: hostname" in entry["exception"]


def test_what_libraries_tell_by_the_way_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(Settings(log_format="json"))
    get_logger("celery.worker").info("Connected")
    logging.getLogger("httpx").info("HTTP Request")
    assert capsys.readouterr().err == ""


def test_setting_up_twice_does_not_say_things_twice(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(Settings(log_format="json"))
    set_up_logging(Settings(log_format="json"))
    get_logger("kombu").warning("once")
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("form", ["console", "json"])
def test_control_characters_of_texts_are_escaped(
    capsys: pytest.CaptureFixture[str], form: Literal["console", "json"]
) -> None:
    set_up_logging(Settings(log_format=form))
    structlog.get_logger().error("an\x1b[2Jevent", why="a\x1b]0;title\x07")
    logging.getLogger("kombu").error("%s", "a\x1b]0;title\x07")
    shown = capsys.readouterr().err
    assert "title" in shown
    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown

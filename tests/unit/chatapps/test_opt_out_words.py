"""Who wants to be left alone, in many languages and with much punctuation."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatapps.opt_out_words import (
    DOUBTFUL_WORDS,
    OPT_OUT_WORDS,
    START_WORDS,
    OptOut,
    is_opt_out,
    is_start,
)

# A busy machine is no fault of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "stop",
        " Stop. ",
        "¡Stop!",
        "STOP 🛑",
        "*stop*",
        "S.T.O.P.",
        "S T O P",
        "\uff33\uff34\uff2f\uff30",  # full width
        "st\u200bop",  # a space of no width
        "Stop\n\nstop",
        "stop, unsubscribe",
        "Unsubscribe",
        "opt-out",
        "OptOut",
        "ARRET",
        "Arrêt",
        "Désabonner!",
        "Abmelden.",
        "Baja",
        "СТОП",
        "退订",
        "【退訂】",
        "หยุด",
        "수신거부",
        "बंद करें",
        "إيقاف",
        "TỪ CHỐI",
        "tu choi",
        "berhenti",
    ],
)
def test_a_message_that_is_an_opt_out_word_means_it(text: str) -> None:
    assert is_opt_out(text) is OptOut.YES


@pytest.mark.parametrize(
    "text",
    [
        "please stop",
        "Don't stop!",
        "STOP sending me this",
        "How do I unsubscribe?",
        "I want to opt out of this",
        "我要退订谢谢",
        "cancel",
        "Cancel.",
        "END",
        "ยกเลิก",
    ],
)
def test_a_word_among_others_or_a_doubtful_one_is_for_a_person(text: str) -> None:
    assert is_opt_out(text) is OptOut.MAYBE


@pytest.mark.parametrize(
    "text",
    [None, "", "  ", "?!", "👍", "Hello", "nonstop", "unstoppable", "stopover", "cancel my order"],
)
def test_anything_else_is_no_opt_out(text: str | None) -> None:
    assert is_opt_out(text) is OptOut.NO


@pytest.mark.parametrize("word", sorted(OPT_OUT_WORDS))
def test_every_word_is_known_alone_in_any_case_and_inside_a_message(word: str) -> None:
    assert is_opt_out(f" {word.upper()}! ") is OptOut.YES
    assert is_opt_out(f"xyz {word} xyz") is OptOut.MAYBE
    assert not is_start(word)


@pytest.mark.parametrize("word", sorted(START_WORDS))
def test_every_start_word_is_known_alone_and_is_no_opt_out(word: str) -> None:
    assert is_start(f" {word.upper()}! ")
    assert not is_start(f"xyz {word} xyz")
    assert is_opt_out(word) is OptOut.NO


def test_no_word_is_in_two_lists() -> None:
    assert not OPT_OUT_WORDS & DOUBTFUL_WORDS
    assert not OPT_OUT_WORDS & START_WORDS
    assert not DOUBTFUL_WORDS & START_WORDS


def test_the_words_are_ours_to_choose() -> None:
    assert is_opt_out("Basta!", {"basta"}) is OptOut.YES
    assert is_opt_out("stop", {"basta"}) is OptOut.NO
    assert is_opt_out("stop", set()) is OptOut.NO
    assert is_opt_out("hm", {"basta"}, {"hm"}) is OptOut.MAYBE
    assert is_start("Hola", {"hola"})


def test_an_empty_word_matches_nothing() -> None:
    assert is_opt_out("hello", {"", " ", "!"}) is OptOut.NO


def test_nothing_said_is_no_start() -> None:
    assert not is_start(None)
    assert not is_start("…")


@UNHURRIED
@given(st.text())
def test_no_text_is_a_crash(text: str) -> None:
    assert is_opt_out(text) in OptOut
    assert is_start(text) in (True, False)


@UNHURRIED
@given(
    st.sampled_from(sorted(OPT_OUT_WORDS)), st.text("!?.,*-_~ \t\n…¡¿()[]\"'\u200b🛑", max_size=5)
)
def test_punctuation_around_a_word_changes_nothing(word: str, marks: str) -> None:
    assert is_opt_out(f"{marks}{word}{marks}") is OptOut.YES

"""What other people wrote does nothing in a terminal or a spreadsheet."""

import csv
import io
import json

import pytest

from config.safe_text import csv_line, plain


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ('=HYPERLINK("http://a.test")', '\'=HYPERLINK("http://a.test")'),
        ("+44 7700 900123", "'+44 7700 900123"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("+447700900123", "+447700900123"),
        ("447700900123", "447700900123"),
        ("+447700900123\n", "'+447700900123\n"),
        ("a\rb", "a\rb"),
        ('say "no", please', 'say "no", please'),
        ("", ""),
    ],
)
def test_a_cell_is_no_formula_and_breaks_no_row(text: str, cell: str) -> None:
    line = csv_line([1, text, None, -2])
    assert list(csv.reader(io.StringIO(line, newline=""))) == [["1", cell, "", "-2"]]
    assert "\r" not in line or f'"{cell}"' in line


def test_control_characters_are_shown_and_json_stays_what_it_is() -> None:
    text = "\x1b]0;title\x07 \x9b2J\x7f two\nlines\tand more: \u00e9 \u4f60"
    assert plain(text) == (
        "\\u001b]0;title\\u0007 \\u009b2J\\u007f two\nlines\tand more: \u00e9 \u4f60"
    )
    assert json.loads(plain(json.dumps(text, ensure_ascii=False))) == text

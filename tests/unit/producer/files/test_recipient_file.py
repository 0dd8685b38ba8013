"""Recipient files: what is read, what is refused, and where reading can go on."""

import bz2
import hashlib
import lzma
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from producer.errors import InputError
from producer.files.people_list import PeopleFile
from producer.files.recipient_file import Chunk, InvalidRow, RecipientFile
from producer.files.rows import RowPacker, ValueRules
from producer.layout import ReadOptions

ANA, BOB = "+447700900123", "+447700900124"
Writer = Callable[[bytes | str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    def write(content: bytes | str) -> Path:
        path = tmp_path / "people.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def read(
    path: Path, columns: Sequence[str] = ("name",), size: int = 1000, region: str | None = None
) -> tuple[list[bytes], list[InvalidRow]]:
    file = RecipientFile.open(path, ReadOptions(region=region))
    chunks = list(file.chunks(RowPacker(file.layout, columns), size=size))
    lines = [line for chunk in chunks for line in chunk.lines]
    return lines, [reject for chunk in chunks for reject in chunk.invalid_rows]


def names(file: RecipientFile) -> RowPacker:
    return RowPacker(file.layout, ["name"])


def test_a_plain_file_becomes_job_lines(write: Writer) -> None:
    lines, invalid_rows = read(write(f"msisdn,name\n{ANA},Ana\n{BOB},Bob\n"))
    assert lines == [b"447700900123\tAna", b"447700900124\tBob"]
    assert invalid_rows == []


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_marks_delimiters_and_line_ends_are_understood(
    write: Writer, mark: str, delimiter: str, end: str
) -> None:
    rows = [["name", "msisdn"], ["Ana", ANA], ["", ""], ["Bob", BOB]]
    text = mark + end.join(delimiter.join(row) for row in rows if any(row)) + end + end
    assert read(write(text))[0] == [b"447700900123\tAna", b"447700900124\tBob"]


def test_quoted_cells_hold_delimiters_quotes_and_line_ends(write: Writer) -> None:
    lines, invalid_rows = read(write(f'msisdn,name\n{ANA},"O""Hara,\r\nAna"\n{BOB}, "Bob"\n'))
    assert lines == [b'447700900123\tO\\"Hara,\\r\\nAna', b"447700900124\tBob"]
    assert invalid_rows == []


def test_a_tab_and_a_backslash_are_escaped(write: Writer) -> None:
    assert read(write(f"msisdn,name\n{ANA},a\tb\\c\n"))[0] == [b"447700900123\ta\\tb\\\\c"]


def test_values_come_in_the_order_asked_for_and_stripped(write: Writer) -> None:
    path = write(f"city,msisdn,name\n Porto ,{ANA},\u00a0Ana\u00a0\n")
    assert read(path, ["name", "city"])[0] == [b"447700900123\tAna\tPorto"]
    assert read(path, ["msisdn"])[0] == [b"447700900123\t+447700900123"]
    assert read(path, [])[0] == [b"447700900123"]


def test_a_user_id_is_a_recipient(write: Writer) -> None:
    path = write("channelUserId,name\nGB.1349120865530274,Ana\n")
    assert read(path)[0] == [b"GB.1349120865530274\tAna"]


def test_national_numbers_need_a_region(write: Writer) -> None:
    path = write("phone,name\n07700 900123,Ana\n")
    assert read(path, region="gb")[0] == [b"447700900123\tAna"]
    assert read(path)[0] == []


def test_bad_rows_are_rejects_with_their_line_and_the_good_ones_go_on(write: Writer) -> None:
    rows = [
        "msisdn,name",
        f'{ANA},"two',
        'lines"',
        "+44770090012345,Too long",
        f"{ANA}",
        f"{ANA},Ana,Porto",
        "",
        f"{ANA}, ",
        ",Ana",
        f"{ANA},A\0na",
        f'{ANA},"A\0na"',
        f'{ANA},"Ana" Porto',
        f"{ANA},An\ra",
        f"{ANA},{'x' * 4097}",
        f"{BOB},Bob",
    ]
    lines, invalid_rows = read(write("\n".join(rows)))
    assert lines == [b"447700900123\ttwo\\nlines", b"447700900124\tBob"]
    assert [(reject.line, reject.reason) for reject in invalid_rows] == [
        (4, "too long for its country"),
        (5, "column 'name' is empty"),
        (6, "too many cells: 3, where the header has 2"),
        (8, "column 'name' is empty"),
        (9, "column 'msisdn' is empty"),
        (10, "the row holds a NUL byte"),
        (11, "the row holds a NUL byte"),
        (12, "its quotes do not match: one is not closed, or text follows a closed one"),
        (13, "a carriage return inside the row: lines end with LF or CRLF"),
        (14, "column 'name' holds 4,097 characters, more than 4,096"),
    ]
    assert invalid_rows[0].number == "+44**********45"


@pytest.mark.parametrize("rest", [1, 20_000])
def test_a_quote_that_is_never_closed_costs_its_own_line_only(write: Writer, rest: int) -> None:
    lines, invalid_rows = read(write(f'msisdn,name\n{ANA},"Ana\n' + f"{BOB},Bob\n" * rest))
    assert len(lines) == rest
    assert [reject.line for reject in invalid_rows] == [2]


def test_a_line_too_long_to_hold_is_a_reject(write: Writer) -> None:
    text = f"msisdn,name\n{ANA},{'x' * 3_000_000}\n{BOB},Bob\n"
    lines, invalid_rows = read(write(text))
    assert lines == [b"447700900124\tBob"]
    assert invalid_rows == [InvalidRow(2, None, "the line is longer than 1 MiB")]


def test_no_reason_holds_a_whole_number(write: Writer) -> None:
    numbers = ["+4477009001234567", "07700900123", "+1 202 555 010", "+447700900123 x 4"]
    _, invalid_rows = read(
        write("msisdn,name\n" + "".join(f"{number},Ana\n" for number in numbers))
    )
    assert len(invalid_rows) == len(numbers)
    for reject, number in zip(invalid_rows, numbers, strict=True):
        assert number not in f"{reject.number} {reject.reason}"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf\n\n", "the file is empty"),
        (b"msisdn,name\n", "a header and no rows"),
        (b"msisdn,name\r\n\r\n", "a header and no rows"),
        (b"+447700900123,Ana\n", "needs a header row"),
        (b"447700900123\n447700900124\n", "needs a header row"),
        (b"07700 900123,Ana\n", "needs a header row"),
        (b"Ana,+44 7700 900123\n", "needs a header row"),
        (b"GB.1349120865530274,Ana\n", "needs a header row"),
        (b"msisdn,name,name\nx,y,z\n", 'two columns are called "name"'),
        (b"who,name\nx,y\n", "--map phone=COLUMN, one of who, name"),
        (b'msisdn,"name\nx,y\n', "the header row cannot be read"),
        (b"msisdn,name\r+447700900123,Ana\r\n", "lines end with LF or CRLF"),
        (b"msisdn,n\xe4me\nx,y\n", "line 1 is not UTF-8"),
        ("msisdn,name\n".encode("utf-16"), "a header and no rows"),
    ],
)
def test_a_file_that_cannot_be_launched_is_refused_in_one_sentence(
    write: Writer, content: bytes, sentence: str
) -> None:
    path = write(content)
    with pytest.raises(InputError, match=r"people\.csv: ") as caught:
        RecipientFile.open(path)
    assert sentence in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        RecipientFile.open(tmp_path / "nobody.csv")
    with pytest.raises(InputError, match="cannot be read"):
        RecipientFile.open(tmp_path)


def test_an_unknown_number_column_or_region_is_refused(write: Writer) -> None:
    path = write(f"who,name\n{ANA},Ana\n")
    assert RecipientFile.open(path, ReadOptions({"phone": "who"})).layout.number_column == "who"
    with pytest.raises(InputError, match='no column "msisdn": the columns are who, name'):
        RecipientFile.open(path, ReadOptions({"phone": "msisdn"}))
    with pytest.raises(InputError, match='"UK" is no region'):
        RecipientFile.open(path, ReadOptions({"phone": "who"}, region="UK"))


def test_a_number_column_is_known_in_any_case_and_by_rank(write: Writer) -> None:
    path = write(f"To,Phone_Number,name\nx,{ANA},Ana\n")
    assert RecipientFile.open(path).layout.number_column == "Phone_Number"


def test_asking_for_a_column_that_is_not_there_is_an_error(write: Writer) -> None:
    with pytest.raises(ValueError, match="city"):
        RowPacker(RecipientFile.open(write(f"to,name\n{ANA},Ana\n")).layout, ["city"])


def test_a_line_that_is_not_utf8_is_found_before_anything_is_launched(write: Writer) -> None:
    rows = b"".join(b"+447700900123,\xc3\x84nne\n" for _ in range(20_000))
    content = b"msisdn,name\n" + rows + b"+447700900124,\xc4nne\n" + rows
    with pytest.raises(InputError, match=r"people\.csv: line 20002 is not UTF-8"):
        RecipientFile.open(write(content))


def test_a_file_that_ends_inside_a_character_is_not_utf8(write: Writer) -> None:
    with pytest.raises(InputError, match="line 3 is not UTF-8"):
        RecipientFile.open(write(b"to,name\n1,\xc3\x84\n3,\xc3"))


def test_the_fingerprint_is_the_digest_of_the_bytes(write: Writer) -> None:
    content = f"\ufeffto,name\r\n{ANA},Änne\r\n".encode()
    file = RecipientFile.open(write(content))
    assert file.text.digest == hashlib.sha256(content).hexdigest()
    assert file.size == len(content)


@pytest.mark.parametrize("rows", [1, 30, 50_000])
def test_rows_are_estimated_from_the_first_ones(write: Writer, rows: int) -> None:
    file = RecipientFile.open(write("msisdn,name\n" + f"{ANA},Ana\n" * rows))
    assert abs(file.estimated_rows() - rows) <= rows / 1000


def test_a_chunk_has_a_limited_number_of_rows_and_of_bytes(write: Writer) -> None:
    file = RecipientFile.open(write("msisdn,name\n" + f"{ANA},{'x' * 4096}\n" * 100 + f"{ANA},\n"))
    by_bytes = list(file.chunks(names(file)))
    assert [chunk.rows for chunk in by_bytes] == [63, 38]
    assert all(sum(map(len, chunk.lines)) <= 256 * 1024 for chunk in by_bytes)
    assert [chunk.rows for chunk in file.chunks(names(file), size=40)] == [40, 40, 21]


def test_values_that_are_too_long_together_are_a_reject(write: Writer) -> None:
    names = [f"c{index}" for index in range(80)]
    row = ",".join(["x" * 4000] * len(names))
    path = write(f"to,{','.join(names)}\n{ANA},{row}\n")
    lines, invalid_rows = read(path, names)
    assert lines == []
    assert "256 KiB" in invalid_rows[0].reason


CELLS = st.sampled_from(
    [
        ANA,
        BOB,
        "Ana",
        "",
        " ",
        "é",
        '"',
        '""',
        '"a',
        'b"',
        '"a\nb"',
        '"x,y"',
        "\r",
        "\0",
        "\\",
        "\t",
    ]
)
ROWS = st.lists(st.lists(CELLS, max_size=4).map(",".join), max_size=12)
TEXTS = st.builds(lambda rows, end: end.join(rows), ROWS, st.sampled_from(["\n", "\r\n"]))
shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@shared_folder
@given(TEXTS, st.integers(1, 4))
def test_reading_goes_on_from_the_end_of_every_chunk(write: Writer, text: str, size: int) -> None:
    file = RecipientFile.open(write(f"to,name\n{ANA},Ana\n{text}"))
    chunks = list(file.chunks(names(file), size=size))
    for place, chunk in enumerate(chunks):
        assert list(file.chunks(names(file), chunk.end, size)) == chunks[place + 1 :]
    assert [chunk.end.row for chunk in chunks] == _running_sums(chunks)
    whole = [one for chunk in chunks for one in (*chunk.lines, *chunk.invalid_rows)]
    assert len(whole) == sum(chunk.rows for chunk in chunks)
    assert all(len(chunk.lines) <= size for chunk in chunks)


def _running_sums(chunks: Sequence[Chunk]) -> list[int]:
    return [sum(chunk.rows for chunk in chunks[: place + 1]) for place in range(len(chunks))]


def reasons(write: Writer, text: str, **options: Any) -> tuple[list[bytes], list[tuple[int, str]]]:
    file = RecipientFile.open(write(text), ReadOptions(**options))
    chunks = list(file.chunks(names(file)))
    return (
        [line for chunk in chunks for line in chunk.lines],
        [(reject.line, reject.reason) for chunk in chunks for reject in chunk.invalid_rows],
    )


def test_a_national_number_is_read_as_its_row_says(write: Writer) -> None:
    text = (
        "name,Telefon,Land\nAda,07700 900001,United Kingdom\nBob,(202) 555-0142,us\n"
        "Cem,0151 23456789,+49\nDora,+447700900002,Narnia\nEve,07700 900003,\n"
        "Fay,07700 900004,Narnia\nGus,07700900005\n"
    )
    sent, refused = reasons(write, text)
    assert [line.split(b"\t")[0] for line in sent] == [
        b"447700900001", b"12025550142", b"4915123456789", b"447700900002"
    ]  # fmt: skip
    assert [line for line, _ in refused] == [6, 7, 8]
    assert "no country code" in refused[0][1]
    assert refused[1][1] == "column 'Land' names no country that is known: Narnia"
    assert len(reasons(write, text, region="gb")[0]) == 6


@pytest.mark.parametrize(
    "swallowed",
    [
        '+447700900002,"Bob\n+447700900003,Cem"\n',
        '+447700900002,"Bob\nx,Cem"\n',
        '+447700900002,"Bob\n07700 900003"\n',
        '+447700900002,"Bob\nGB.1349120865530274,Cem"\n',
    ],
)
def test_a_quote_that_swallows_the_next_row_costs_both_and_none_is_left_uncounted(
    write: Writer, swallowed: str
) -> None:
    text = f"phone,name\n+447700900001,Ada\n{swallowed}+447700900004,Dora\n"
    sent, refused = reasons(write, text)
    assert sent == [b"447700900001\tAda", b"447700900004\tDora"]
    assert [line for line, _ in refused] == [3, 4]
    assert refused[0][1].startswith("lines 3 to 4 are one value in quotes, with a")
    assert refused[1][1] == "goes with line 3"


def test_a_quote_that_swallows_many_rows_counts_each_of_them(write: Writer) -> None:
    inside = "".join(f"+4477009{i:05},Name {i}\n" for i in range(1, 2500))
    text = f'phone,name\n+447700900000,"Ada\n{inside}+447700999999,Zoe"\n+447700988888,Ben\n'
    file = RecipientFile.open(write(text))
    (first, second) = file.chunks(names(file), size=2000)
    assert [reject.line for reject in first.invalid_rows] == list(range(2, 2503))
    assert (first.end.row, second.lines) == (2501, [b"447700988888\tBen"])
    assert next(file.chunks(names(file), first.end)) == second


def test_a_value_of_several_lines_that_is_prose_is_kept(write: Writer) -> None:
    text = 'phone,name,note\n+447700900001,"Ada\nLovelace","12 High St\nLeeds, LS1 4AP"\n'
    assert reasons(write, text) == ([b"447700900001\tAda\\nLovelace"], [])


def test_cells_that_are_missing_at_the_end_are_empty_and_empty_ones_too_many_are_nothing(
    write: Writer,
) -> None:
    text = (
        "phone,name,company,notes\n+447700900001,Ada\n+447700900002,Bob,,\n+447700900003,Cem,,,, ,\n"
        "+447700900004\n+447700900005,Eve,,,,x\n"
    )
    sent, refused = reasons(write, text)
    assert [line[-3:] for line in sent] == [b"Ada", b"Bob", b"Cem"]
    assert refused == [
        (5, "column 'name' is empty"),
        (6, "too many cells: 6, where the header has 4"),
    ]


@pytest.mark.parametrize(
    "blank",
    ["", " ", ",", ";;;", ",,,,,", ', "",', "\t\t", "\u00a0", "\u200b,\ufeff", '"",""', "|"],
)
def test_a_row_without_text_is_no_row(write: Writer, blank: str) -> None:
    text = f"{blank}\nphone,name\n{blank}\n+447700900001,Ada\n{blank}\n+447700900002,Bob\n{blank}"
    file = RecipientFile.open(write(text))
    (chunk,) = file.chunks(names(file))
    assert (len(chunk.lines), chunk.invalid_rows, chunk.rows) == (2, [], 2)


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;", "\ufeffsep=;"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_line_that_tells_a_spreadsheet_the_delimiter_is_obeyed(
    write: Writer, first: str, end: str
) -> None:
    text = end.join([first, "phone;name", "+447700900001;Ada, Bob", ""])
    assert reasons(write, text) == ([b"447700900001\tAda, Bob"], [])
    file = RecipientFile.open(write(text))
    assert next(iter(file.chunks(names(file)))).end.line == 3


@pytest.mark.parametrize("delimiter", ["|", "\t", ":", "^"])
def test_any_delimiter_may_be_told(write: Writer, delimiter: str) -> None:
    text = f"sep={delimiter}\nphone{delimiter}name\n+447700900001{delimiter}Ada\n"
    assert reasons(write, text) == ([b"447700900001\tAda"], [])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (bz2.compress(b"phone,name\n"), "this is a bzip2 file: unpack it"),
        (lzma.compress(b"phone,name\n"), "this is an xz file: unpack it"),
        (b"%PDF-1.7\n", "this is a PDF document"),
        (b"PAR1\x15\x04", "this is a Parquet file"),
        (b"\n<html><table><tr><td>phone</td></tr></table>", "this is a web page or XML"),
        (b"\xef\xbb\xbfbegin:vcard\r\nVERSION:3.0\r\nTEL:+447700900001\r\n", "this is a vCard"),
        (b'[{"phone": "+447700900001"}]\n', "this is JSON"),
        (b'{"phone":"+447700900001"}\n{"phone":"+447700900002"}\n', "this is JSON"),
        (b'{\n  "people": []\n}\n', "this is JSON"),
        (b"\0\1\2\3binary", "the file is no text, but binary"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_csv_is_told_by_what_it_is(
    write: Writer, content: bytes, sentence: str
) -> None:
    path = write(content)
    for open_ in (RecipientFile.open, PeopleFile.open):
        with pytest.raises(InputError, match=re.escape(sentence)):
            open_(path)


@pytest.mark.parametrize(
    "value",
    ["nan", "NaN", "NULL", "null", "#N/A", "#REF!", "N/A", "None", "<NA>", "\u200b\ufeff"],
)
def test_what_programs_write_for_nothing_counts_as_empty_and_is_told(
    write: Writer, value: str
) -> None:
    text = f"phone,name\n+447700900001,{value}\n{value},Bob\n+447700900002,Nan\n"
    sent, refused = reasons(write, text)
    assert sent == [b"447700900002\tNan"]
    seen = "" if value.startswith("\u200b") else f": it holds {value}"
    assert refused == [
        (2, f"column 'name' is empty{seen}"), (3, f"column 'phone' is empty{seen}")
    ]  # fmt: skip


def test_values_keep_their_line_ends_and_blanks_where_no_rule_folds_them(write: Writer) -> None:
    text = 'phone,name\n+447700900001,"a\tb\nc      d"\n'
    assert reasons(write, text)[0] == [b"447700900001\ta\\tb\\nc      d"]


def test_columns_of_template_parameters_have_no_line_ends_tabs_or_long_runs_of_blanks(
    write: Writer,
) -> None:
    rows = ['"a\nb"', '"a \r\n\n b"', "a\tb", "a     b", "a    b", "a\u2028b", '" a\n"', "a\u00a0b"]
    file = RecipientFile.open(
        write("phone,name,other\n" + "".join(f"+447700900001,{row},{row}\n" for row in rows))
    )
    packer = RowPacker(file.layout, ["name", "other"], ValueRules(frozenset(["name"])))
    (chunk,) = file.chunks(packer)
    assert [line.decode().split("\t")[1] for line in chunk.lines] == [
        "a b", "a b", "a b", "a b", "a    b", "a b", "a", "a\u00a0b"
    ]  # fmt: skip
    assert packer.folded == 5
    assert chunk.lines[2].split(b"\t")[2] == b"a\\tb"

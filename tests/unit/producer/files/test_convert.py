"""Files of other encodings, workbooks and archives, read as the CSV that they stand for."""

import gzip
import io
import os
import resource
import tarfile
import zipfile
from pathlib import Path

import pytest

from producer.errors import InputError
from producer.files import convert as module
from producer.files.convert import TextFile, convert
from producer.files.recipient_file import RecipientFile
from producer.files.rows import RowPacker
from producer.files.stream import ArrivingFile
from producer.layout import ReadOptions

XLS = Path(__file__).parents[3] / "fixtures" / "files" / "people.xls"
ROWS = "phone,name\n+447700900101,Zoë\n"
CONTENT_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
ODS_NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "table", "text")
)


def xlsx(**sheets: str) -> bytes:
    """A workbook; the value of a sheet is the inside of its `sheetData`."""
    names = list(sheets)
    entries = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(names, 1)
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" Target="worksheets/s{n}.xml"/>'
        for n in range(1, len(names) + 1)
    )
    styles = (
        f'<styleSheet xmlns="{MAIN}"><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy-mm-dd"/>'
        '<numFmt numFmtId="165" formatCode="yyyy-mm-dd h:mm"/></numFmts><cellXfs count="3">'
        '<xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs></styleSheet>'
    )
    links += f'<Relationship Id="rId99" Type="{OFFICE}/styles" Target="styles.xml"/>'
    parts = {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">'
        f"<sheets>{entries}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{links}</Relationships>',
        "xl/styles.xml": styles,
    }
    for n, rows in enumerate(sheets.values(), 1):
        parts[f"xl/worksheets/s{n}.xml"] = (
            f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
        )
    return zipped(**parts)


def text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def zipped(**parts: str | bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


PEOPLE = (
    f'<row r="1">{text_cell("A1", "Mobile")}{text_cell("B1", "Given name")}'
    f"{text_cell('C1', 'Until')}</row>"
    f'<row r="2"><c r="A2"><v>4.47700900101E+11</v></c>{text_cell("B2", "Ada &amp; Bob")}'
    '<c r="C2" s="1"><v>46380</v></c></row>'
    f'<row r="3"><c r="A3"><v>447700000000</v></c><c r="C3" s="2"><v>46380.770833333</v></c></row>'
    f'<row r="5">{text_cell("A5", "+447700900103")}{text_cell("B5", "two&#10;lines")}'
    '<c r="C5"><v>12.5</v></c><c r="D5" t="b"><v>1</v></c></row>'
)
HEADER_ROW = f'<row r="1">{text_cell("A1", "Phone")}</row>'


def text_of(tmp_path: Path, content: bytes, **said: str) -> str:
    path = tmp_path / "people.any"
    path.write_bytes(content)
    with TextFile.open(path, **said).opened() as stream:
        return stream.read().decode()


def refusal(tmp_path: Path, content: bytes, **said: str) -> str:
    with pytest.raises(InputError) as caught:
        text_of(tmp_path, content, **said)
    return str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_read_with_and_without_its_mark(tmp_path: Path, encoding: str) -> None:
    assert text_of(tmp_path, ROWS.encode(encoding)) == ROWS
    marked = b"\xfe\xff" + ROWS.encode("utf-16-be")
    assert text_of(tmp_path, marked) == ROWS


@pytest.mark.parametrize(
    ("names", "encoding"),
    [
        ("José,Müller", "cp1252"),
        ("Peña,Martínez,Núñez", "cp1252"),
        ("François,Groß", "cp1252"),
        ("Paweł,Łukasz,Święty", "cp1250"),
        ("Dvořák,Žižka", "cp1250"),
        ("Ömer,Ayşegül,Çağla", "cp1254"),
        ("Татьяна,Пётр", "cp1251"),
        ("Μαρία,Γιώργος,Ελένη", "cp1253"),
    ],
)
def test_a_windows_encoding_is_recognised_by_the_letters_of_one_language(
    tmp_path: Path, names: str, encoding: str
) -> None:
    rows = "".join(f"+447700900101,{name}\n" for name in names.split(","))
    far = "+447700900101,Ada\n" * 20_000  # beyond what a look at the beginning shows
    for text in (f"phone,name\n{rows}", f"phone,name\n{far}{rows}"):
        assert text_of(tmp_path, text.encode(encoding)) == text
        assert text_of(tmp_path, text.encode(encoding), encoding=encoding) == text


@pytest.mark.parametrize(
    "name", ["Muñoz", "Zoë", "Zoë-Søren", "Zoë\u2013SØREN\u2019s\u2026", "Иван", "É"]
)
def test_what_may_be_read_in_two_ways_is_asked_for_in_one_sentence(
    tmp_path: Path, name: str
) -> None:
    encoding = "cp1251" if name == "Иван" else "cp1252"
    content = f"phone,name\n+447700900101,{name}\n".encode(encoding)
    told = refusal(tmp_path, content)
    assert "line 2 is not UTF-8" in told
    assert f'"{name}" (windows-{encoding[2:]})' in told
    assert told.endswith("say which with --encoding")
    assert name in text_of(tmp_path, content, encoding=f"windows-{encoding[2:]}")


@pytest.mark.parametrize(
    ("content", "said", "sentence"),
    [
        (ROWS.encode(), {"encoding": "klingon"}, '"klingon" is no encoding that is known'),
        (ROWS.encode(), {"encoding": "rot13"}, '"rot13" is no encoding that is known'),
        (ROWS.encode("utf-16"), {"encoding": "cp1252"}, "the file is UTF-16 and not cp1252"),
        (ROWS.encode(), {"encoding": "ascii"}, '"ascii" is no encoding'),
        (ROWS.encode("cp1252"), {"encoding": "utf-8"}, "line 2 is not UTF-8"),
        (ROWS.encode(), {"sheet": "A"}, "--sheet is for workbooks"),
        (b"phone,name\n1,\x81\x8d\n", {}, "line 2 is not UTF-8: save the file as UTF-8 text, or say"),
        (b"phone,name\n1,\x81\n", {"encoding": "cp1252"}, "the file is not cp1252"),
        (xlsx(A=PEOPLE), {"encoding": "cp1252"}, "--encoding is for text files"),
        (xlsx(A=PEOPLE, B=PEOPLE), {}, '2 sheets hold rows: name one of "A", "B" with --sheet'),
        (xlsx(A=PEOPLE), {"sheet": "C"}, 'there is no sheet "C": name one of "A" with --sheet'),
        (xlsx(A=HEADER_ROW), {}, "no sheet of the workbook holds a header and a row"),
        (zipped(**{"xl/workbook.xml": "nonsense"}), {}, "the workbook cannot be read: save the sheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, {}, "the workbook cannot be read"),
        (zipped(**{"word/document.xml": ""}), {}, "this is a Word document"),
        (zipped(**{"a.csv": ROWS, "b.csv": ROWS}), {}, "the archive holds 2 files, and not one"),
        (zipped(**{"a.csv.gz": gzip.compress(ROWS.encode(), mtime=0)}), {}, "holds another archive"),
        (zipped(**{"a.csv": ROWS})[:-30], {}, "the archive is damaged or was cut"),
        (gzip.compress(ROWS.encode(), mtime=0)[:-9], {}, "the archive is damaged or was cut"),
        (gzip.compress(b"%PDF-1.7", mtime=0), {}, "this is a PDF document"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_in_one_sentence(
    tmp_path: Path, content: bytes, said: dict[str, str], sentence: str
) -> None:
    told = refusal(tmp_path, content, **said)
    assert sentence in told
    assert told.startswith(f"{tmp_path}/people.any: ")


def test_cells_are_text_as_a_person_sees_them_and_rows_are_lines(tmp_path: Path) -> None:
    assert text_of(tmp_path, xlsx(People=PEOPLE, Notes=HEADER_ROW)) == (
        '"Mobile","Given name","Until",""\n'
        "447700900101,Ada & Bob,2026-12-24,\n"
        "447700000000,,2026-12-24 18:30,\n"
        ",,,\n"
        "+447700900103,two\u2028lines,12.5,TRUE\n"
    )
    assert text_of(tmp_path, xlsx(A=PEOPLE, B=PEOPLE.replace("Ada", "Eve")), sheet="b").count("Eve")
    assert text_of(tmp_path, XLS.read_bytes()).splitlines()[1:] == [
        "447700900101,Zoë,2026-12-24", ",,", "+447700900102,Ada,"
    ]  # fmt: skip


def test_an_open_document_spreadsheet_is_read(tmp_path: Path) -> None:
    def cell(text: str) -> str:
        kind = 'office:value-type="string"'
        return f"<table:table-cell {kind}><text:p>{text}</text:p></table:table-cell>"

    number = '<table:table-cell office:value-type="float" office:value="447700900101"/>'
    rows = [cell("Phone") + cell("name"), number + cell("Zoë")]
    table = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    content = (
        f"<office:document-content {ODS_NAMES}><office:body><office:spreadsheet>"
        '<table:table table:name="P">'
        f"{table}</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    mime = "application/vnd.oasis.opendocument.spreadsheet"
    listing = '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    ods = zipped(**{"mimetype": mime, "content.xml": content, "META-INF/manifest.xml": listing})
    assert text_of(tmp_path, ods) == '"Phone","name"\n447700900101,Zoë\n'


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(ROWS.encode(), mtime=0),
        gzip.compress(ROWS.encode("utf-16"), mtime=0),
        zipped(**{"../../etc/people.csv": ROWS, "__MACOSX/._x": "x", "folder/": ""}),
    ],
)
def test_an_archive_of_one_file_is_that_file(tmp_path: Path, content: bytes) -> None:
    assert text_of(tmp_path, content) == ROWS
    assert os.listdir(tmp_path) == ["people.any"]
    plain = tmp_path / "plain.csv"
    plain.write_text(ROWS)
    assert TextFile.open(plain).digest == TextFile.open(tmp_path / "people.any").digest


def test_a_bomb_ends_at_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = b"0" * (65 * 1024**2)
    assert "the archive grows beyond 64 MiB" in refusal(tmp_path, gzip.compress(zeros))
    assert "the archive grows beyond 64 MiB" in refusal(tmp_path, zipped(**{"a.csv": zeros}))
    monkeypatch.setattr(module, "_MOST_WORKBOOK", 1000)
    assert "the workbook is too large: save the sheet" in refusal(tmp_path, xlsx(A=PEOPLE))


def test_a_cell_far_away_ends_the_child_and_not_this_process(tmp_path: Path) -> None:
    far = PEOPLE + f'<row r="1048576">{text_cell("XFD1048576", "x")}</row>'
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = refusal(tmp_path, xlsx(A=far))
    assert "save the sheet with the recipients as CSV" in told
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


def test_more_than_half_a_million_rows_are_for_csv(tmp_path: Path) -> None:
    far = PEOPLE + f'<row r="500001">{text_cell("A500001", "x")}</row>'
    assert "more than 500,000 rows" in refusal(tmp_path, xlsx(A=far))


@pytest.mark.timing
def test_a_large_workbook_takes_three_seconds_and_no_memory_here(tmp_path: Path) -> None:
    rows = "".join(
        f'<row r="{n}"><c r="A{n}"><v>{447700900000 + n}</v></c>'
        + "".join(text_cell(f"{column}{n}", f"{column} of {n}") for column in "BCDE")
        + "</row>"
        for n in range(2, 100_002)
    )
    content = xlsx(A=PEOPLE[: PEOPLE.index("</row>") + 6] + rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = tmp_path / "people.xlsx"
    path.write_bytes(content)
    start = os.times()
    TextFile.open(path)
    end = os.times()
    assert sum(end[:4]) - sum(start[:4]) < 3  # CPU of this process and of the child
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


def test_a_file_that_arrives_is_copied_only_if_it_is_no_utf8_text() -> None:
    def arriving(content: bytes) -> ArrivingFile:
        return ArrivingFile(io.BytesIO(content).read1)

    assert convert(arriving(ROWS.encode())) is None
    for content in (ROWS.encode("utf-16"), gzip.compress(ROWS.encode(), mtime=0)):
        found = convert(arriving(content))
        assert found is not None
        assert found.stream.read() == ROWS.encode()
    found = convert(arriving(xlsx(People=PEOPLE)))
    assert found is not None
    assert found.sentence == 'The rows are read from the sheet "People".'


def test_rows_of_a_workbook_are_packed_and_only_those_that_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    path.write_bytes(xlsx(People=PEOPLE))
    options = ReadOptions({"phone": "Mobile"}, region="GB", where=("until=12.5",))
    file = RecipientFile.open(path, options)
    (chunk,) = file.chunks(RowPacker(file.layout, ["Given name"]))
    assert chunk.lines == [b"447700900103\ttwo\\nlines"]
    file = RecipientFile.open(path, ReadOptions(region="GB", limit=2))
    (chunk,) = file.chunks(RowPacker(file.layout, ["Given name"]))
    assert (chunk.rows, [row.line for row in chunk.invalid_rows]) == (2, [3])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_lines_of_an_old_macintosh_are_rows(tmp_path: Path, encoding: str) -> None:
    columns = "".join(f",column {number}" for number in range(99))
    text = f'phone,name{columns}\r+447700900101,José\r+447700900102,"Smith, Ann"\r'
    raw = text.encode(encoding)
    path = tmp_path / "people.csv"
    path.write_bytes(raw)
    file = RecipientFile.open(path)
    assert [cells for cells, *_ in file.records()] == [
        ["+447700900101", "José"],
        ["+447700900102", "Smith, Ann"],
    ]
    assert file.text.sentence.endswith("its lines end with CR.")
    pieces = iter([raw[:20], raw[20:], b""])
    arrived = convert(ArrivingFile(lambda: next(pieces)))
    assert arrived is not None
    assert arrived.digest == file.text.digest


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(ROWS, "utf-8")
    there, here = os.pipe()
    os.write(here, path.read_bytes())
    os.close(here)
    try:
        piped, file = RecipientFile.open(Path(f"/dev/fd/{there}")), RecipientFile.open(path)
    finally:
        os.close(there)
    for _ in range(2):
        assert list(piped.records()) == list(file.records())
    assert piped.text.digest == file.text.digest


def test_archives_that_are_no_table_are_told(tmp_path: Path) -> None:
    path, packed = tmp_path / "people.csv", io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("people.csv"))
    for raw, words in (
        (zipped(), "the archive is empty"),
        (packed.getvalue(), "this is a tar archive"),
        (b"phone\0\0,name\n+447700900101,Ann\n", "the file is no text, but binary"),
    ):
        path.write_bytes(raw)
        with pytest.raises(InputError, match=words):
            TextFile.open(path)

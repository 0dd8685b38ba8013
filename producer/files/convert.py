"""Converts recipient files to UTF-8 CSV: other encodings, workbooks, and archives of one file.

UTF-8 text is read in place. Other files are written once to an unnamed temporary file, and read from
there; its lines are those of the text, or the rows of the sheet.
"""

import codecs
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import mkstemp
from typing import IO, BinaryIO, Final

from producer.errors import InputError
from producer.files import workbook_child
from producer.files.csv_reader import NotUtf8Error, Source, opened
from producer.files.encodings import by_marks, named, recognise

_BLOCK_BYTES: Final = 256 * 1024
_LEAST_BYTES: Final = 512  # needed to detect the kind of a file, …
_MOST_HEADER: Final = 16 * 1024  # … and so many where these hold no end of a line
_GZIP, _ZIP, _EMPTY_ZIP = b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06"
_PACKED: Final = (_GZIP, _ZIP, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")  # the last is of .xls
_MOST_INFLATED: Final = 4 * 1024**3  # bytes of the file in an archive, …
_MOST_RATIO: Final = 100  # … so many for each byte of the archive, …
_LEAST_INFLATED: Final = 64 * 1024**2  # … but at least so many
_MOST_WORKBOOK: Final = 1024**3  # bytes of all parts of a workbook, inflated
_WORKBOOK_SECONDS: Final = 300
_SAVE_AS_CSV: Final = "save the sheet with the recipients as CSV (UTF-8) and give that file"
_UNPACK: Final = "unpack it, and give the file that is in it"
_KINDS = (
    (b"BZh", f"this is a bzip2 file: {_UNPACK}"),
    (b"\xfd7zXZ\0", f"this is an xz file: {_UNPACK}"),
    (b"\x28\xb5\x2f\xfd", f"this is a zstd file: {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", f"this is a 7-Zip archive: {_UNPACK}"),
    (_EMPTY_ZIP, "the archive is empty: put the file with the recipients into it"),
    (b"Rar!", f"this is a RAR archive: {_UNPACK}"),
    (b"%PDF", "this is a PDF document: export the recipients as CSV (UTF-8)"),
    (b"PAR1", "this is a Parquet file: export it as CSV (UTF-8)"),
    (b"SQLite format 3", "this is a SQLite database: export the recipients as CSV (UTF-8)"),
    (b"{\\rtf", "this is an RTF document: export the recipients as CSV (UTF-8)"),
)
"""Signatures of files that are not tables, and the remedy."""
_TEXTS = (
    (r"<(?:!doctype|html|table|\?xml|meta|head|body)", "a web page or XML",
     "open it in a spreadsheet and save it as CSV (UTF-8)"),
    (r"BEGIN:(?:VCARD|VCALENDAR)\b", "a vCard or calendar", "export the contacts as CSV (UTF-8)"),
    (r'\{\s*(?:["}]|$)|\[\s*(?:[\[{"\]]|$)', "JSON", "export the recipients as CSV (UTF-8)"),
)  # fmt: skip
"""Beginnings of texts that are not tables, what they are, and the remedy."""
_NOT_MEANT: Final = re.compile(r"/$|^__MACOSX/|(?:^|/)(?:\.DS_Store|Thumbs\.db|desktop\.ini)$")
_DOCUMENTS: Final = {
    "word/": "this is a Word document: export the recipients as CSV (UTF-8)",
    "Index/": f"this is a Numbers spreadsheet: {_SAVE_AS_CSV}",
}


@dataclass(frozen=True, slots=True)
class Converted:
    """A file as UTF-8 CSV."""

    stream: BinaryIO
    digest: str  # SHA-256 of its bytes, hex
    sentence: str = ""  # the conversion in words


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file on disk as UTF-8 CSV; made by `open`."""

    path: Path
    digest: str
    sentence: str
    _converted: BinaryIO | None  # None: the file itself

    @classmethod
    def open(cls, path: Path, encoding: str | None = None, sheet: str | None = None) -> "TextFile":
        """Read the whole file once; raises InputError when it is not a text, workbook or archive."""
        with opened(path) as stream:
            whole = stream if stream.seekable() else _copy(stream)  # of a pipe
            read = _read_whole(whole, encoding and named(encoding), sheet)
            converted = None if read.stream is stream else read.stream
            return cls(path, read.digest, read.sentence, converted)

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The text, at its start; errors name the file."""
        if self._converted is None:
            with opened(self.path) as stream:
                yield stream
            return
        self._converted.seek(0)
        try:
            yield self._converted
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from error


def convert(
    stream: Source,
    encoding: str | None = None,
    sheet: str | None = None,
    *,
    is_other: bool = False,
) -> Converted | None:
    """An arriving file as UTF-8 CSV, or None if it seems to be that already.

    Args:
        stream: at its start, and there again afterwards.
        is_other: the file is known not to be UTF-8 text.

    Raises:
        InputError: it cannot be read; with reason and remedy.
    """
    encoding = encoding and named(encoding)
    begin = _begin(stream, _LEAST_BYTES)
    if b"\n" not in begin and b"\r" not in begin:  # a long header
        begin = _begin(stream, _MOST_HEADER)
    if not begin.startswith(_PACKED):
        _refuse_others(begin)
        is_text = _seems_utf8(begin, encoding) and not _ends_with_cr(begin)
        if is_text and sheet is None and not is_other:
            return None
    try:
        return _read_whole(_copy(stream), encoding, sheet)
    except OSError as error:
        raise InputError(f"no copy of the file can be made: {error.strerror or error}") from error


def _read_whole(whole: BinaryIO, encoding: str | None, sheet: str | None) -> Converted:
    begin = _begin(whole)
    if _is_archive(whole, begin):
        whole = _inflated(whole, begin)
        begin = _begin(whole)
        if _is_archive(whole, begin):
            raise InputError(f"the archive holds another archive: {_UNPACK}")
    _refuse_others(begin)
    if begin.startswith(_PACKED):
        if encoding is not None:
            raise InputError("--encoding is for text files, and this is a workbook: leave it out")
        return _read_sheet(whole, sheet)
    if sheet is not None:
        raise InputError("--sheet is for workbooks, and this is a text file: leave it out")
    line = 1
    if _seems_utf8(begin, encoding):
        try:
            digest = _check(whole)
            if not _ends_with_cr(begin):
                return Converted(whole, digest)
            encoding = "utf-8"
        except NotUtf8Error as bad:
            if encoding is not None:
                raise
            line = bad.line
    elif encoding is None and by_marks(begin) is None:
        line = begin.count(b"\n", 0, _valid(begin)) + 1
    return _decoded(whole, begin, encoding, line)


def _refuse_others(begin: bytes) -> None:
    """Raise InputError when a file has the signature of another kind."""
    for mark, sentence in _KINDS:
        if begin.startswith(mark):
            raise InputError(sentence)
    for start, kind, remedy in _TEXTS:
        if re.match(rb"(?:\xef\xbb\xbf)?\s*(?:%b)" % start.encode(), begin, re.IGNORECASE):
            raise InputError(f"this is {kind}, whatever its name says: {remedy}")
    if begin[257:262] == b"ustar":
        raise InputError(f"this is a tar archive: {_UNPACK}")
    is_known = begin.startswith(_PACKED) or by_marks(begin) is not None
    if b"\0" in begin.partition(b"\n")[0] and not is_known:
        raise InputError("the file is no text, but binary: export the recipients as CSV (UTF-8)")


def _decoded(whole: BinaryIO, begin: bytes, encoding: str | None, line: int) -> Converted:
    """A text in another encoding: by its marks, by the caller's choice, or by its letters.

    Raises:
        InputError: the encoding is ambiguous, or not the given one.
    """
    marked, is_mac = by_marks(begin), _ends_with_cr(begin)
    if marked and encoding and encoding.partition("-")[0] != marked.partition("-")[0]:
        raise InputError(f"the file is {marked.upper()} and not {encoding}: leave --encoding out")
    name = marked or encoding or recognise(_blocks(whole), line)
    decoder, output, lines = codecs.getincrementaldecoder(name)(), _Temporary(), 0
    for block in chain(_blocks(whole), [b""]):
        try:
            text = decoder.decode(block, not block)
        except UnicodeError as error:
            raise InputError(
                f"the file is not {name}, as a line after line {lines:,} shows: say what it is with "
                "--encoding"
            ) from error
        text = text.replace("\r", "\n") if is_mac else text
        lines += text.count("\n")
        output.write(text.encode("utf-8", "replace"))
    told = name.upper() if name.startswith("utf") else name.replace("cp12", "windows-12")
    ends = ", its lines end with CR" if is_mac else ""
    return Converted(output, _check(output), f"The file is read as {told}{ends}.")


def _begin(stream: Source, size: int = _BLOCK_BYTES) -> bytes:
    begin = b""
    while len(begin) < size and (more := stream.read(size - len(begin))):
        begin += more
    stream.seek(0)
    return begin


def _blocks(stream: Source) -> Iterator[bytes]:
    """The blocks of a file from its start."""
    stream.seek(0)
    return iter(partial(stream.read, _BLOCK_BYTES), b"")


def _valid(begin: bytes) -> int:
    """Number of valid UTF-8 bytes, ignoring a character that is cut at the end."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begin)
    except UnicodeDecodeError as error:
        return error.start
    return len(begin)


def _ends_with_cr(begin: bytes) -> bool:
    """True for lines as an old Macintosh, and Excel as "CSV (Macintosh)", writes them."""
    return b"\r" in begin and b"\n" not in begin


def _seems_utf8(begin: bytes, encoding: str | None) -> bool:
    if by_marks(begin) not in (None, "utf-8"):
        return False
    return encoding == "utf-8" or (encoding is None and _valid(begin) == len(begin))


def _check(stream: BinaryIO) -> str:
    """The SHA-256 of a text in hex; raises NotUtf8Error at the first line that is not UTF-8."""
    digest = hashlib.sha256()
    for block in text_blocks(stream):
        digest.update(block)
    stream.seek(0)
    return digest.hexdigest()


def text_blocks(stream: Source) -> Iterator[bytes]:
    """The blocks of a text from its start; raises NotUtf8Error at the first line that is not UTF-8."""
    decoder, lines = codecs.getincrementaldecoder("utf-8")(), 0
    for block in chain(_blocks(stream), [b""]):
        try:
            decoder.decode(block, not block)
        except UnicodeDecodeError as error:
            bad = lines + error.object.count(b"\n", 0, error.start) + 1
            raise NotUtf8Error(bad) from error
        lines += block.count(b"\n")
        yield block


class _Descriptor(io.FileIO):
    def __del__(self) -> None:
        self.close()


class _Temporary(io.BufferedRandom):
    """An unnamed file, closed with its last reference."""

    def __init__(self) -> None:
        number, name = mkstemp()
        os.unlink(name)
        super().__init__(_Descriptor(number, "r+"))

    def __del__(self) -> None:
        self.close()


def _copy(source: Source | IO[bytes], most: int | None = None) -> BinaryIO:
    """The bytes in a temporary file; raises InputError when they are more than `most`."""
    output, size = _Temporary(), 0
    for block in iter(partial(source.read, _BLOCK_BYTES), b""):
        size += len(block)
        if most is not None and size > most:
            raise InputError(f"the archive grows beyond {most // 1024**2:,} MiB: {_UNPACK}")
        output.write(block)
    output.seek(0)
    return output


def _is_archive(whole: BinaryIO, begin: bytes) -> bool:
    """True for an archive that is not a workbook; raises InputError for other documents and for
    bombs."""
    if not begin.startswith(_ZIP):
        return begin.startswith(_GZIP)
    with _archive_errors(), zipfile.ZipFile(whole) as archive:
        sizes = {each.filename: each.file_size for each in archive.infolist()}
        mime = archive.read("mimetype") if 0 < sizes.get("mimetype", 0) < 100 else b""
    whole.seek(0)
    for folder, sentence in _DOCUMENTS.items():
        if any(name.startswith(folder) for name in sizes):
            raise InputError(sentence)
    is_workbook = b"opendocument.spreadsheet" in mime or any(n.startswith("xl/") for n in sizes)
    if is_workbook and sum(sizes.values()) > _MOST_WORKBOOK:
        raise InputError(f"the workbook is too large: {_SAVE_AS_CSV}")
    return not is_workbook


def _inflated(whole: BinaryIO, begin: bytes) -> BinaryIO:
    """The one file in an archive."""
    size = whole.seek(0, 2)
    whole.seek(0)
    most = min(_MOST_INFLATED, max(_LEAST_INFLATED, size * _MOST_RATIO))
    with _archive_errors():
        if begin.startswith(_GZIP):
            return _copy(gzip.GzipFile(fileobj=whole), most)
        with zipfile.ZipFile(whole) as archive:
            names = [n for n in archive.namelist() if not _NOT_MEANT.search(n)]
            if len(names) != 1:
                raise InputError(f"the archive holds {len(names)} files, and not one: {_UNPACK}")
            with archive.open(names[0]) as member:
                return _copy(member, most)


@contextmanager
def _archive_errors() -> Iterator[None]:
    try:
        yield
    except NotImplementedError as error:
        raise InputError(
            f"the archive is compressed in a way that is not known: {_UNPACK}"
        ) from error
    except RuntimeError as error:
        raise InputError(f"the archive is locked with a password: {_UNPACK}") from error
    except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError("the archive is damaged or was cut: make it again") from error


def _read_sheet(whole: BinaryIO, sheet: str | None) -> Converted:
    output = _Temporary()
    os.lseek(whole.fileno(), 0, os.SEEK_SET)  # `seek` may stay within the buffer
    try:
        done = subprocess.run(
            [sys.executable, "-I", workbook_child.__file__, *([] if sheet is None else [sheet])],
            stdin=whole,
            stdout=output,
            stderr=subprocess.PIPE,
            timeout=_WORKBOOK_SECONDS,
            env={"LANG": "C.UTF-8"},  # no secret of ours
            check=False,
        )
        told = json.loads(done.stderr.splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError):
        told = {}
    if "sheet" not in told:
        raise InputError(told.get("error") or f"the workbook cannot be read: {_SAVE_AS_CSV}")
    sentence = f'The rows are read from the sheet "{told["sheet"]}".'
    return Converted(output, _check(output), sentence)

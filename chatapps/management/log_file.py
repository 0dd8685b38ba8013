"""Reads the file of a log export: a CSV, also gzipped or in a ZIP, row by row and within bounds.

The provider does not document the columns of this log, so their names are settings. A column that is not
named is found by the provider's name of the member in webhooks, in any case and with any separators.
"""

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Final, NamedTuple

from chatapps.management.errors import ProviderUnavailable
from config.sections import LogColumn

MOST_TEXT: Final = 8 * 1024 * 1024 * 1024
"""Most characters of a file, uncompressed."""
MOST_LINE: Final = 256 * 1024
_GZIP, _ZIP = b"\x1f\x8b", b"PK"


_USUAL: Final[Mapping[LogColumn, tuple[str, ...]]] = {
    LogColumn.UMID: ("umid",),
    LogColumn.STATUS: ("status", "state", "messagestatus"),
    LogColumn.DETAIL: ("statusdetail", "detail"),
    LogColumn.CODE: ("errorcode", "statuserrorcode"),
    LogColumn.AT: ("statustimestamp", "statusdate", "updatedat", "timestamp"),
    LogColumn.CHANNEL: ("channel",),
    LogColumn.NUMBER: ("msisdn", "phonenumber", "destination"),
}
"""Names of columns that are found without a setting. Messages are matched by `clientMessageId` alone, so
its column must be named."""
_NEEDED: Final = (LogColumn.CLIENT_MESSAGE_ID, LogColumn.STATUS)


class LogRow(NamedTuple):
    """The status of a message on one channel, as logged; empty: not said."""

    client_message_id: str
    umid: str
    status: str
    detail: str
    code: str
    at: str
    channel: str
    number: str  # mostly masked: `+63922110xxxx`


def read_log(file: IO[bytes], columns: Mapping[LogColumn, str]) -> Iterator[LogRow]:
    """The rows of a file.

    Args:
        columns: names of the file's columns by `LogColumn`, where they are not the usual ones.

    Raises:
        ProviderUnavailable: the file is broken, too large, or lacks a column.
    """
    try:
        with _unpacked(file) as raw, io.TextIOWrapper(raw, "utf-8-sig", "replace", "") as text:
            rows = csv.reader(_lines(text))
            places = _places(next(rows, []), columns)
            for row in rows:
                cells = [row[at].strip() if 0 <= at < len(row) else "" for at in places]
                yield LogRow(*cells)
    except (csv.Error, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ProviderUnavailable(
            f"The file of the provider's log is broken ({type(error).__name__})"
        ) from error


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    start = file.read(2)
    file.seek(0)
    if start == _GZIP:
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    if start != _ZIP:
        return file
    archive = zipfile.ZipFile(file)
    names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
    if len(names) != 1:
        raise ProviderUnavailable(f"The provider's ZIP holds {len(names)} CSV files, not one")
    return archive.open(names[0])


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    so_far = 0
    while line := text.readline(MOST_LINE):
        so_far += len(line)
        if so_far > MOST_TEXT:
            raise ProviderUnavailable(
                f"The provider's log has more than {MOST_TEXT} characters: ask for a shorter time"
            )
        yield line


def _places(header: list[str], columns: Mapping[LogColumn, str]) -> list[int]:
    """The place of each column; -1 where there is none."""
    known = {_bare(name): at for at, name in reversed(list(enumerate(header)))}

    def place(column: LogColumn) -> int:
        wanted = (columns[column],) if column in columns else _USUAL.get(column, ())
        found = [known[_bare(name)] for name in wanted if _bare(name) in known]
        if not found and (column in _NEEDED or column in columns):
            named = columns.get(column, column)
            raise ProviderUnavailable(
                f'The provider\'s log has no column "{named}": name the right one with '
                f"backfill.columns.{column}. It has: {', '.join(header)[:1000] or 'none'}"
            )
        return found[0] if found else -1

    return [place(column) for column in LogColumn]


def _bare(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())

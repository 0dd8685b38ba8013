"""One row of a recipient file to the line of one job."""

import re
from collections.abc import Sequence

from chatapps.job_lines import pack_line
from producer.errors import BadRow
from producer.numbers import normalise

LONGEST_VALUE = 4096  # characters: no text of WhatsApp is longer (provider docs, message model)
LONGEST_JOB_LINE = 256 * 1024  # bytes

# A business-scoped user id; never cut or re-cased (provider docs, addressing).
USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")


class RowPacker:
    """Packs the cells of rows, which all have the same header."""

    def __init__(
        self, header: Sequence[str], number_column: str, columns: Sequence[str], region: str | None
    ) -> None:
        """`columns` are those whose values a job needs; raises ValueError if one is not there."""
        self._header = header
        self._width = len(header)
        places = {column: place for place, column in enumerate(header)}
        if missing := [column for column in columns if column not in places]:
            raise ValueError(f"the recipients have no column {', '.join(missing)}")
        self._number = places[number_column]
        self._wanted = [places[column] for column in columns]
        self._region = region

    def pack(self, cells: Sequence[str]) -> bytes:
        """The job's line; raises BadRow when the row cannot be sent to."""
        if len(cells) != self._width:
            raise self._wrong_width(len(cells))
        recipient = self._recipient(cells[self._number].strip())
        values = []
        for place in self._wanted:
            value = cells[place].strip()
            if not 0 < len(value) <= LONGEST_VALUE:
                raise self._wrong_value(place, value)
            values.append(value)
        line = pack_line(recipient, values)
        if len(line) > LONGEST_JOB_LINE:
            raise BadRow("the values of the row are longer than 256 KiB together")
        return line

    def _recipient(self, text: str) -> str:
        if not text:
            raise self._wrong_value(self._number, text)
        if text[0] != "+" and USER_ID.fullmatch(text):
            return text
        return normalise(text, self._region)

    def _wrong_width(self, width: int) -> BadRow:
        few = "few" if width < self._width else "many"
        return BadRow(f"too {few} cells: {width}, where the header has {self._width}")

    def _wrong_value(self, place: int, value: str) -> BadRow:
        name = self._header[place]
        if not value:
            return BadRow(f"column '{name}' is empty")
        return BadRow(
            f"column '{name}' holds {len(value):,} characters, more than {LONGEST_VALUE:,}"
        )

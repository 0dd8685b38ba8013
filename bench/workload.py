"""The workload: one personalised template message of about 350 bytes for each recipient."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEADER = ("msisdn", "name")
DIGITS = 6
NUMBER_STARTS = ("+493023125", "+492214710", "+496990009", "+494066969", "+498999998")
"""Number ranges reserved for films and books; each holds a million numbers of 15 digits."""
NAMES = ("Ada", "Bodil", "Chidi", "Dolores", "Eszter", "Femi", "Grażyna", "Håkon", "Imogen", "José")
_TEXT = (
    "Thank you for having been with us for so long. Come by until Sunday and show this message "
    "at the counter."
)


@dataclass(frozen=True, slots=True)
class Work:
    """Messages of one run, and their files."""

    run: str  # names the campaign; with more than one lane, its campaigns
    recipients: int
    lanes: int
    files: tuple[str, ...]  # a recipient file for each lane
    message: str  # file

    @property
    def names(self) -> list[str]:
        """A campaign name for each lane."""
        if self.lanes == 1:
            return [self.run]
        return [f"{self.run}-{lane}" for lane in range(self.lanes)]


def write_work(home: Path, run: str, recipients: int, lanes: int = 1) -> Work:
    """Write the files of a run: recipients in equal parts to the lanes."""
    share = recipients // lanes
    files = [home / f"{run}-{lane}.csv" for lane in range(lanes)]
    for lane, file in enumerate(files):
        _write_recipients(file, lane * share, share)
    message = home / "message.json"
    message.write_text(json.dumps(content("{{name}}")))
    return Work(run, share * lanes, lanes, tuple(map(str, files)), str(message))


def content(name: str) -> dict[str, Any]:
    """The message in the provider's form, without its recipient."""
    parameters = [{"type": "text", "text": text} for text in (name, _TEXT)]
    template = {
        "name": "spring_offer",
        "language": "en_GB",
        "components": [{"type": "body", "parameters": parameters}],
    }
    return {"type": "template", "content": {"template": template}}


def messages(work: Work) -> Iterator[dict[str, Any]]:
    """Every message of a run with one lane, whole, with its `clientMessageId`."""
    for index, (number, name) in enumerate(rows(work)):
        yield message(work.run, index, number, name)


def message(run: str, index: int, number: str, name: str) -> dict[str, Any]:
    """One whole message."""
    return {"clientMessageId": f"{run}.{index}.1", "user": {"msisdn": number}, **content(name)}


def rows(work: Work) -> Iterator[list[str]]:
    """The rows of the recipient file of a run with one lane: number, name."""
    with Path(work.files[0]).open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        yield from reader


def number(index: int) -> str:
    """A fictitious number."""
    start, rest = divmod(index, 10**DIGITS)
    return f"{NUMBER_STARTS[start]}{rest:0{DIGITS}d}"


def _write_recipients(file: Path, first: int, n: int) -> None:
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(HEADER)
        writer.writerows(
            (number(index), NAMES[index % len(NAMES)]) for index in range(first, first + n)
        )

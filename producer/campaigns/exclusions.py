"""Exclusions of a launch: people of other campaigns, and of files. They are fixed at the launch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from producer.errors import InputError
from producer.files.people_list import PeopleFile
from producer.layout import ReadOptions
from store.client import Store
from store.errors import StoreRefused
from store.lanes.lane import find_lane
from store.people.recipients import read_reached, read_recipients

MOST_EXCLUSIONS = 20
_CAMPAIGN, _FILE, _ALL = "campaign:", "file:", ":all"


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Who is left out."""

    names: tuple[str, ...] = ()  # as asked for; of a file its digest instead of its path
    numbers: set[int] = field(default_factory=set)  # 66 bytes each
    others: set[bytes] = field(default_factory=set)  # user ids

    def kept(self, lines: Sequence[bytes]) -> Sequence[bytes]:
        """The job lines of everybody else."""
        if not self.names:
            return lines
        numbers, others = self.numbers, self.others
        people = [line.partition(b"\t")[0] for line in lines]
        return [
            line
            for line, who in zip(lines, people, strict=True)
            if (int(who) not in numbers if who.isdigit() else who not in others)
        ]


NO_EXCLUSIONS: Final = Exclusions()
"""No person is left out."""


def excluding(exclusions: Exclusions) -> str:
    """Suffix of a campaign's source: a launch with other exclusions does not continue the campaign."""
    return f"\t{json.dumps({'exclude': exclusions.names})}" if exclusions.names else ""


def read_exclusions(
    store: Store, asked: Sequence[str], sub_account: str, reading: ReadOptions
) -> Exclusions:
    """Read who is to be left out.

    Args:
        asked: `campaign:NAME` for those who got its message, may have got it, or still wait for it,
            `campaign:NAME:all` for everybody in it, `file:PATH` for a list of people.
        sub_account: whose campaigns are meant.
        reading: region of numbers without a country code, in files.

    Raises:
        InputError: an exclusion is none of these, or a file cannot be read.
        UnknownLane: there is no such campaign.
    """
    if len(asked) > MOST_EXCLUSIONS:
        raise InputError(f"at most {MOST_EXCLUSIONS} exclusions are taken, got {len(asked)}")
    found, names = Exclusions(), list[str]()
    for one in asked:
        if one.startswith(_CAMPAIGN):
            names.append(_add_campaign(store, found, one.removeprefix(_CAMPAIGN), sub_account))
        elif one.startswith(_FILE):
            names.append(_add_file(found, Path(one.removeprefix(_FILE)), reading))
        else:
            raise InputError(
                f'"{one}" cannot be excluded: say campaign:NAME, campaign:NAME:all or file:PEOPLE.csv'
            )
    return replace(found, names=tuple(names))


def _add_campaign(store: Store, found: Exclusions, name: str, sub_account: str) -> str:
    all_ = name.endswith(_ALL)
    lane = find_lane(store, name.removesuffix(_ALL), sub_account.__eq__)
    if lane.kind != "campaign":
        raise StoreRefused(f'"{lane.name}" is no campaign')
    for people in (read_recipients if all_ else read_reached)(store, lane.id):
        found.numbers.update(people.numbers)
        found.others.update(people.others)
    return f"{_CAMPAIGN}{lane.id}{_ALL if all_ else ''}"


def _add_file(found: Exclusions, path: Path, reading: ReadOptions) -> str:
    """Add the people of a list; raises InputError for a line that names no person."""
    file = PeopleFile.open(path, ReadOptions(region=reading.region))
    for chunk in file.read():
        if bad := chunk.invalid_rows:
            raise InputError(
                f"{path}: line {bad[0].line} names no person to exclude: {bad[0].reason}"
            )
        found.numbers.update(int(one) for one in chunk.who if one.isdigit())
        found.others.update(one.encode() for one in chunk.who if not one.isdigit())
    return f"{_FILE}{file.text.digest}"

"""Drafts: campaigns whose recipient files are kept until they are launched.

A file is text, compressed in parts of the same size, in a hash of its own. The campaign's meta names the
files of the draft, so that every change takes effect in one step; files that no draft takes in vanish
after a day. A launch loads the text as it loads a file on disk, and then removes it.
"""

import hashlib
import io
import json
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from store.access.audit import entry
from store.client import Call, Store, best_effort, command, script_call, text
from store.errors import LaneMismatch, StoreRefused
from store.keys import DRAFTS, LANES, kept_bytes, lane_keys, lanes_called
from store.lanes.lane import Lane, LaneStatus, Policies, Priority, find_lane, read_lane
from store.lanes.open import (
    FILES_SECONDS,
    CampaignPlan,
    campaign_fields,
    common_fields,
    lane_for_name,
    open_lane,
    wants_outcomes,
)
from store.lanes.retention import discarding, free_name, holder_of
from store.plans import Plan, ask, carry_out

PART_BYTES: Final = 1024 * 1024
"""Bytes of text in a part, but the last of a file."""
KEPT_MS: Final = 7 * 86_400_000
"""How long an untouched draft is kept."""
WRITING_SECONDS: Final = 86_400
"""Files that no draft has taken in yet."""
MOST_DRAFT_BYTES: Final = 256 * 1024**2
MOST_BYTES: Final = 1024**3
MOST_DRAFTS: Final = 200
_LEVEL: Final = 1  # of the compression; higher ones take twice the time for a tenth of the bytes
_LIMITS: Final = {
    "bytes": f"the drafts of a sub-account hold at most {MOST_BYTES >> 30} GiB, compressed: launch or "
    "delete one first",
    "drafts": f"a sub-account has at most {MOST_DRAFTS} drafts: launch or delete one first",
}


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a draft."""

    id: str
    size: int  # bytes of text
    stored: int  # bytes in Redis
    digest: str  # SHA-256 of the text, hex


@dataclass(frozen=True, slots=True)
class Draft:
    """Options and recipients of a draft."""

    options: Mapping[str, Any]  # as the form of a launch has them
    files: tuple[KeptFile, ...]  # their texts, one after the other, are the recipients

    @classmethod
    def of(cls, lane: Lane) -> "Draft":
        """The draft in a lane's properties; raises StoreRefused if it has none any more."""
        if not lane.draft:
            raise StoreRefused(
                f'"{lane.name}" is {lane.status}, and no draft: its file is not kept'
            )
        is_ = json.loads(lane.draft)
        return cls(is_["options"], tuple(KeptFile(**one) for one in is_["files"]))

    def dump(self) -> str:
        """The draft as JSON."""
        return json.dumps({"options": self.options, "files": [asdict(one) for one in self.files]})

    @property
    def digest(self) -> str:
        """Identifies the recipients; of one file that of its text."""
        digests = [one.digest for one in self.files]
        return digests[0] if len(digests) == 1 else _digest(" ".join(digests))

    @property
    def stored(self) -> int:
        """Bytes in Redis."""
        return sum(one.stored for one in self.files)


class KeptText(io.RawIOBase):
    """The recipients of a draft as an open file."""

    def __init__(self, store: Store, lane: str, files: Sequence[KeptFile]) -> None:
        self._store = store
        self._lane = lane
        self._files = files
        self._at = 0
        self._place = ("", -1)  # file and number of the part that is in memory
        self._part = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        size = sum(one.size for one in self._files)
        self._at = offset + (0, self._at, size)[whence]
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        start = self._at
        for one in self._files:
            if start < one.size:
                number, place = divmod(start, PART_BYTES)
                found = self._read(one.id, number)[place : place + len(buffer)]
                buffer[: len(found)] = found
                self._at += len(found)
                return len(found)
            start -= one.size
        return 0

    def _read(self, file: str, number: int) -> bytes:
        if self._place != (file, number):
            blob = self._store.run(read_part(self._lane, file, number))
            if blob is None:
                raise StoreRefused("the recipients of this draft are gone: give the file again")
            self._part, self._place = zlib.decompress(blob), (file, number)
        return self._part


def read_part(lane: str, file: str, number: int) -> Call[bytes | None]:
    """A part of a kept file, compressed."""
    return command("HGET", f"{lane_keys(lane).cells}{file}", number, parse=lambda reply: reply)


def keep_part(lane: str, file: str, number: int, blob: bytes) -> Call[None]:
    """Keep a part of a file, compressed."""
    key = f"{lane_keys(lane).cells}{file}"
    return script_call("keep_cells", (key,), (number, blob, WRITING_SECONDS), _nothing)


def open_text(store: Store, lane: Lane) -> io.BufferedReader:
    """The recipients of a draft, to be read like a file on disk."""
    return io.BufferedReader(KeptText(store, lane.id, Draft.of(lane).files))


def write_file(
    store: Store,
    lane: str,
    sub_account: str,
    blocks: Iterable[bytes],
    others: Sequence[KeptFile] = (),
) -> KeptFile:
    """Keep a text; it vanishes after a day unless a draft takes it in.

    Args:
        others: files that the draft keeps beside it.

    Raises:
        StoreRefused: it is too large, or the sub-account has too many drafts.
        Also what reading the blocks raises; nothing is kept then.
    """
    file, digest = secrets.token_hex(6), hashlib.sha256()
    size = stored = number = 0
    try:
        for number, part in enumerate(_parts(blocks)):
            blob = zlib.compress(part, _LEVEL)
            digest.update(part)
            size, stored = size + len(part), stored + len(blob)
            if sum(one.stored for one in others) + stored > MOST_DRAFT_BYTES:
                raise StoreRefused(
                    f"a draft holds at most {MOST_DRAFT_BYTES >> 20} MiB, compressed: launch this file "
                    "directly, or in pieces"
                )
            now = KeptFile(file, size, stored, "")
            _reserve(store, lane, sub_account, [now], WRITING_SECONDS)
            store.run(keep_part(lane, file, number, blob))
    except BaseException:
        drop_files(store, lane, sub_account, [KeptFile(file, 0, 0, "")])
        raise
    return KeptFile(file, size, stored, digest.hexdigest())


def drop_files(store: Store, lane: str, sub_account: str, files: Sequence[KeptFile]) -> None:
    """Remove kept files."""
    for one in files:
        store.run(command("UNLINK", f"{lane_keys(lane).cells}{one.id}", parse=_nothing))
        store.run(command("HDEL", kept_bytes(sub_account), one.id, parse=_nothing))


def new_draft(store: Store, name: str, sub_account: str) -> str:
    """The lane id of a draft that is to be created; nothing keeps the name yet.

    Raises:
        LaneMismatch: a campaign that is no draft has the name.
    """
    lane = lane_for_name(store, name, sub_account)
    found = store.run(read_lane(lane))
    if found is not None and found.status is not LaneStatus.DRAFT:
        raise _taken(name)
    return lane


def create_draft(store: Store, lane: str, name: str, sub_account: str, draft: Draft) -> Lane:
    """Open a draft whose files are written. The same again changes nothing.

    Raises:
        LaneMismatch: the name is taken by another draft or campaign; the files are removed.
    """
    fields = {
        **common_fields(lane, name, "campaign", sub_account, Priority.BULK, Policies()),
        "status": LaneStatus.DRAFT,
        "early": 0,
        "loaded": 0,
        "draft": draft.dump(),
        "content_digest": _digest(json.dumps(draft.options, sort_keys=True)),
        "source": draft.digest,
    }
    now = _reserve(store, lane, sub_account, draft.files, FILES_SECONDS)
    _list(store, lane, now)
    store.run(command("ZADD", LANES, "NX", now, lane, parse=_nothing))
    fresh, _, *same = store.run(
        open_lane(lane, {**fields, "touched_at": now}, _keys(lane, draft.files))
    )
    if fresh:
        store.run(entry("campaign.create", name, "", (fields["content_digest"], draft.digest)))
    else:
        drop_files(store, lane, sub_account, draft.files)
        if same != [fields["content_digest"], draft.digest]:
            raise _taken(name)
    store.run(command("HSETNX", lanes_called(name), sub_account, lane, parse=_nothing))
    return find_lane(store, lane)


def edit_draft(store: Store, lane: Lane, draft: Draft, name: str = "") -> Lane:
    """Change a draft; files that it does not name any more are removed.

    Args:
        lane: as it was read before the change.
        name: a new one.

    Raises:
        LaneMismatch: the name is taken.
        StoreRefused: it is no draft any more, or was changed meanwhile.
    """
    name, account = name or lane.name, lane.sub_account
    before, renamed = Draft.of(lane).files, lanes_called(name) != lanes_called(lane.name)
    fields = {
        "draft": draft.dump(),
        "name": name,
        "content_digest": _digest(json.dumps(draft.options, sort_keys=True)),
        "source": draft.digest,
    }
    try:
        if renamed:
            _take_name(store, lane, name)
        now = _reserve(store, lane.id, account, draft.files, FILES_SECONDS)
        _see_that_changed(lane, store.run(change_draft(lane, draft, fields)))
    except StoreRefused:
        drop_files(store, lane.id, account, [one for one in draft.files if one not in before])
        if renamed and store.run(holder_of(name, account)) == lane.id:
            store.run(free_name(name, account))
        raise
    store.run(entry("campaign.edit", lane.name, lane.draft, tuple(fields.values())))
    _list(store, lane.id, now)
    if renamed:
        store.run(free_name(lane.name, account))
    drop_files(store, lane.id, account, [one for one in before if one not in draft.files])
    return find_lane(store, lane.id)


def begin_launch(store: Store, lane: Lane, plan: CampaignPlan) -> None:
    """Make a draft, as it was read, a campaign that is being loaded.

    Raises:
        StoreRefused: it is no draft any more, or was changed meanwhile.
    """
    fields = campaign_fields(lane.id, plan)
    if store.run(wants_outcomes(lane.sub_account)):
        fields["outcomes"] = 1
    answer = store.run(change_draft(lane, Draft.of(lane), fields))
    _see_that_changed(lane, answer)
    what = (plan.content_digest, plan.source)
    store.run(entry("campaign.launch", plan.name, lane.draft, what))


def change_draft(
    lane: Lane, draft: Draft, fields: Mapping[str, str | int | float | bytes]
) -> Call[str]:
    """Set fields of a draft, as it was read; with the status `loading` its launch begins.

    Args:
        draft: whose files are to be kept from now on.

    Returns (when run):
        `ok`, or what stands in the way.
    """
    words = (word for pair in fields.items() for word in pair)
    return script_call(
        "edit_draft",
        (lane_keys(lane.id).meta, *_keys(lane.id, draft.files)),
        (lane.revision, FILES_SECONDS, *words),
        lambda reply: text(reply[0]),
    )


def _see_that_changed(lane: Lane, answer: str) -> None:
    if answer == "files":
        raise StoreRefused("the recipients of this draft are gone: give the file again")
    if answer == "changed":
        raise StoreRefused(f'"{lane.name}" was changed meanwhile: look at it, and repeat')
    if answer != "ok":
        raise StoreRefused(f'"{lane.name}" is {answer}, and no draft any more')


def deleting(lane: Lane) -> Plan[bool]:
    """Remove a draft and free its name; False if it is no draft any more."""
    files = Draft.of(lane).files
    if not (yield from discarding(lane, _keys(lane.id, files))):
        return False
    for one in files:
        yield from ask(command("HDEL", kept_bytes(lane.sub_account), one.id, parse=_nothing))
    yield from ask(unlist_draft(lane.id))
    return True


def delete_draft(store: Store, lane: Lane) -> None:
    """Remove a draft and free its name; raises StoreRefused if it is no draft any more."""
    if lane.status is not LaneStatus.DRAFT or not carry_out(store, deleting(lane)):
        raise StoreRefused(
            f'"{lane.name}" is no draft: only drafts are deleted; others can be cancelled'
        )
    store.run(entry("campaign.delete", lane.name, lane.draft))


def forget_draft(store: Store, lane: Lane) -> None:
    """Remove the kept files of a draft whose launch has loaded them."""
    files = Draft.of(lane).files
    store.run(remove_files(lane, files))
    for one in files:
        store.run(command("HDEL", kept_bytes(lane.sub_account), one.id, parse=_nothing))
    store.run(unlist_draft(lane.id))


def remove_files(lane: Lane, files: Sequence[KeptFile]) -> Call[int]:
    """Remove the files of a lane, which is no draft after that; returns what was removed."""
    keys = (lane_keys(lane.id).meta, *_keys(lane.id, files))
    return script_call("forget_draft", keys, (), int)


def untouched_since(time_ms: int, *, most: int = 10) -> Call[list[str]]:
    """Drafts that were not touched since a time by Redis' clock, the oldest first."""
    return command(
        "ZRANGEBYSCORE", DRAFTS, "-inf", f"({time_ms}", "LIMIT", 0, most,
        parse=lambda reply: [text(lane) for lane in reply],
    )  # fmt: skip


def unlist_draft(lane: str) -> Call[None]:
    """Remove a lane from the index of drafts."""
    return command("ZREM", DRAFTS, lane, parse=_nothing)


def _take_name(store: Store, lane: Lane, name: str) -> None:
    holder = lane_for_name(store, name, lane.sub_account, lane.id)
    if holder != lane.id and store.run(read_lane(holder)) is None:  # it died as it was created
        store.run(free_name(name, lane.sub_account))
        holder = lane_for_name(store, name, lane.sub_account, lane.id)
    if holder != lane.id:
        raise _taken(name)


def _list(store: Store, lane: str, now: int) -> None:
    store.run(best_effort("ZADD", DRAFTS, now, lane, parse=_nothing))


def _reserve(
    store: Store, lane: str, sub_account: str, files: Sequence[KeptFile], seconds: int
) -> int:
    """Count files against the limits; returns the time in ms."""
    sizes = [word for one in files for word in (one.id, one.stored)]
    args = (lane, seconds, MOST_BYTES, MOST_DRAFTS, *sizes)
    answer, now = store.run(
        script_call(
            "reserve_cells",
            (kept_bytes(sub_account),),
            args,
            lambda got: (text(got[0]), int(got[1])),
        )
    )
    if answer != "ok":
        raise StoreRefused(_LIMITS[answer])
    return now


def _parts(blocks: Iterable[bytes]) -> Iterator[bytes]:
    part = bytearray()
    for block in blocks:
        part += block
        while len(part) >= PART_BYTES:
            yield bytes(part[:PART_BYTES])
            del part[:PART_BYTES]
    if part:
        yield bytes(part)


def _keys(lane: str, files: Sequence[KeptFile]) -> list[str]:
    return [f"{lane_keys(lane).cells}{one.id}" for one in files]


def _taken(name: str) -> LaneMismatch:
    return LaneMismatch(f"There is already a campaign {name!r}: choose another name")


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def _nothing(_: Any) -> None:
    return None

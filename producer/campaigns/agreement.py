"""Conditions of a launch: the agreed plan, and the greatest share of invalid rows."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, asdict, dataclass, field
from hashlib import sha256
from typing import Any

from chatapps.rendering.compiled import CompiledContent
from chatapps.templates import RegisteredTemplate
from producer.campaigns.exclusions import NO_EXCLUSIONS, Exclusions
from producer.campaigns.schedule import StartTime
from producer.errors import NotAgreed
from producer.files.rows import Chunk
from store.client import Store
from store.lanes.lane import Lane, Policies, Priority, find_lane
from store.lanes.retention import discard_campaign
from store.purposes import Purpose


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a launch, without rows and message."""

    name: str
    sub_account: str
    _: KW_ONLY
    priority: Priority = Priority.BULK
    policies: Policies = Policies()
    purpose: Purpose | None = None  # None: that of its template, else marketing
    send_while_loading: bool = False
    max_invalid_share: float = 1  # of the rows; more are refused
    exclusions: Exclusions = NO_EXCLUSIONS
    keep: tuple[str, ...] = ()  # further columns whose cells are kept with the values
    start: StartTime | None = None  # None: when the file is loaded
    rate: float = 0  # messages/s; 0: that of its sub-account; or `SPREAD`
    weight: int = 1  # beside other campaigns
    finish: StartTime | None = None  # when it is to be finished
    canary: str = ""  # `500`, `5%` or `WARM_UP` of the people go first; empty: all


def digest_of(
    rows: str, content: CompiledContent, options: Options, template: RegisteredTemplate | None
) -> str:
    """Identifies rows, message, options and the registered template. Opt-outs, prices and limits are not
    included.

    Args:
        rows: a `RowsSum`.
    """
    registered = template and (
        template.language,
        template.category,
        template.members.get("components"),
    )
    bound: dict[str, Any] = {
        "rows": rows,
        "message": content.digest,
        "template": registered,
        "options": [
            options.sub_account, options.priority, asdict(options.policies), options.purpose,
            options.send_while_loading, options.exclusions.names, options.start and options.start.ms,
            options.canary, options.finish and options.finish.ms,
            options.start and options.start.text if options.start and options.start.local else None,
        ],
    }  # fmt: skip
    return sha256(json.dumps(bound, sort_keys=True, default=str).encode()).hexdigest()


def judge(store: Store, lane: Lane, most_invalid: float, why_not: str = "") -> None:
    """Check a loaded campaign, before anything was sent, against the agreement; remove it if it does not
    match.

    Args:
        most_invalid: share of the rows.
        why_not: a mismatch found before.

    Raises:
        NotAgreed: nothing is left of it.
    """
    now = find_lane(store, lane.id)
    rows = now.next_index + now.duplicates + now.excluded + now.invalid_rows
    why_not = why_not or too_many_invalid(now.invalid_rows, rows, most_invalid)
    if why_not and discard_campaign(store, now):
        raise NotAgreed(f"Nothing was launched: {why_not}")


def changed(wanted: str, digest: str) -> str:
    """The mismatch between a launch and its plan; empty for none, or without a plan."""
    if wanted in ("", digest):
        return ""
    return (
        "the plan has changed: rows, message, options or template are not those of the plan that was "
        "agreed to. Plan again"
    )


def too_many_invalid(invalid: int, rows: int, most: float) -> str:
    """The error of too many invalid rows; empty for none."""
    if invalid <= rows * most:
        return ""
    return (
        f"{invalid:,} of {rows:,} rows ({invalid / rows:.0%}) cannot be used, more than "
        f"max_invalid_share allows ({most:.0%}). Mend the file, or accept that with --accept-invalid"
    )


@dataclass(slots=True)
class RowsSum:
    """Digest of the rows so far, independent of the chunks."""

    _jobs: Any = field(default_factory=sha256)
    _others: Any = field(default_factory=sha256)

    def add(self, chunk: Chunk) -> str:
        """Add the rows of a chunk; returns the digest."""
        self._jobs.update(b"".join([line + b"\n" for line in chunk.lines]))
        self._others.update(b"".join([b"%d\n" % row.line for row in chunk.invalid_rows]))
        return self.value

    def watch(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Add all chunks, and pass them on."""
        for chunk in chunks:
            self.add(chunk)
            yield chunk

    @property
    def value(self) -> str:
        """The digest, 64 characters."""
        return f"{self._jobs.hexdigest()[:32]}{self._others.hexdigest()[:32]}"

"""Builds every Redis key of sendmany.

`TABLE` lists them: type, writer, expiry, and which hold data of people.

`{family}` is the hash tag: all keys of a lane live on one shard, so that one script can touch them. A
campaign is a family of its own (`rest` is empty); the notification lanes of one sub-account share one,
so that idempotency keys hold across midnight and priorities. Data of people lie in shards by sub-account
and person, webhook bodies in one inbox per receiving process: a script touches one slot of a cluster,
and these spread over several.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple


class People(StrEnum):
    """The form in which a key holds data of people; `person show` and `person forget` handle each."""

    NONE = ""
    RECORDS = "records"  # outcome records: number and umid
    NUMBERS = "numbers"  # seven bytes a message
    LONG_IDS = "long ids"  # hash: index → recipient
    JOBS = "jobs"  # packed jobs: recipient, values
    VALUES = "values"  # hash: index → compressed values of messages
    CELLS = "cells"  # hash: number of a part → compressed text of a recipient file
    BODIES = "bodies"  # stream: webhook bodies, events of people
    NAMES = "names"  # hash, zset or set by person


class Row(NamedTuple):
    """One kind of key. In a pattern `<…>` stands for the variable part."""

    pattern: str
    type: str
    written_by: str
    gone: str  # condition of its removal
    people: People = People.NONE

    def matches(self, key: str) -> bool:
        """True for a key of this kind."""
        return re.fullmatch(_regex(self.pattern), key) is not None


_ANY = {"<rest>": "[^:]*", "<process>": ".+"}


@lru_cache(maxsize=256)
def _regex(pattern: str) -> str:
    parts = re.split(r"(<[^>]*>)", pattern)
    return "".join(
        _ANY.get(part, "[^:]+") if part.startswith("<") else re.escape(part) for part in parts
    )


def row_of(key: str) -> Row | None:
    """The first row that matches a key."""
    return next((row for row in TABLE if row.matches(key)), None)


_LANE = "sm:{<family>}<rest>"
_PERSON = "sm:{people-<scope>-<shard>}"
TABLE = (
    Row(f"{_LANE}:meta", "hash", "open_lane, enqueue_*, move_lane", "retention"),
    Row(f"{_LANE}:counts", "hash", "every script that moves a state", "retention"),
    Row(f"{_LANE}:codes", "hash", "settle_batch, apply_status_updates", "retention"),
    Row(f"{_LANE}:stats", "hash", "mark_posting, settle_batch, count_feedback", "retention"),
    Row(f"{_LANE}:queue", "list", "enqueue_*, settle, recover", "the last claim", People.JOBS),
    Row(f"{_LANE}:retries", "zset", "settle_batch, enqueue_*", "promote_due"),
    Row(f"{_LANE}:r:<batch>", "string", "settle_batch, enqueue_*", "promote_due", People.JOBS),
    Row(f"{_LANE}:claimed", "zset", "claim_batch, mark_posting", "settle, recover"),
    Row(f"{_LANE}:b:<batch>", "hash", "claim_batch, mark_posting", "settle, recover", People.JOBS),
    Row(f"{_LANE}:in_doubt", "zset", "settle_batch, recover_expired", "settle_batch"),
    Row(f"{_LANE}:d:<batch>", "hash", "settle_batch, recover_expired", "settle_batch", People.JOBS),
    Row(f"{_LANE}:done:<what>:<batch>", "string", "settle_batch, retry_dead_letters", "10 minutes"),
    Row(f"{_LANE}:o:<n>", "string", "settle_batch", "retention", People.RECORDS),
    Row(f"{_LANE}:t:<n>", "list", "settle_batch, retry_dead_letters", "retention"),
    Row(f"{_LANE}:id:<n>", "hash", "settle_batch, enqueue_rows", "retention", People.LONG_IDS),
    Row(f"{_LANE}:s:<n>", "string", "enqueue_rows", "retention", People.NUMBERS),
    Row(f"{_LANE}:v:<n>", "hash", "enqueue_rows", "keep_values, retention", People.VALUES),
    Row(f"{_LANE}:c:<file>", "hash", "keep_cells", "its launch, 8 days untouched", People.CELLS),
    Row(f"{_LANE}:dead", "list", "settle_batch", "retry_dead_letters, retention", People.JOBS),
    Row(f"{_LANE}:outbox", "stream", "settle_batch, apply_status_updates", "collect_outcomes"),
    Row(f"{_LANE}:tags", "hash", "enqueue_messages: tag → number", "retention"),
    Row(f"{_LANE}:tagged", "string", "enqueue_messages: number of each one's tag", "retention"),
    Row(f"{_LANE}:expiring", "string", "expire_lane", "its last step"),
    Row("sm:{<family>}:seen:<day>:<n>", "hash", "enqueue_messages: digests, ids", "2 days"),
    Row("sm:schema", "string", "raise_schema: number of the layout", "never"),
    Row("sm:schema:lock", "string", "schema: a process migrates", "its lease"),
    Row("sm:names:<name>", "hash", "producer: sub-account → lane", "retention"),
    Row("sm:lanes", "zset", "producer: lane → opening time", "retention"),
    Row("sm:active", "set", "producer, sweep: lanes that have not ended", "the lane's end"),
    Row("sm:drafts", "zset", "create, edit: draft → when it was touched", "its launch, 7 days"),
    Row("sm:drafts:{<sub-account>}", "hash", "reserve_cells: file → draft, bytes", "its launch"),
    Row("sm:outcomes", "zset", "want_outcomes: sub-account → until when", "then"),
    Row("sm:{outcomes-<sub-account>}", "stream", "collect_outcomes", "7 days, or too large"),
    Row("sm:{outcomes-<sub-account>}:figures", "hash", "collect_outcomes", "nothing is wanted"),
    Row("sm:{outcomes-<sub-account>}:lanes", "hash", "collect_outcomes", "nothing is wanted"),
    Row("sm:missing", "hash", "note_missing: lane → sent", "clear_missing, 7 days"),
    Row("sm:ended", "zset", "sweep: lane → end time", "retention"),
    Row("sm:stops", "hash", "stop_sending: what, of whom", "go_on"),
    Row("sm:quiet_hours", "hash", "change_quiet_hours", "never"),
    Row("sm:ready", "zset", "producer, worker: lane → urgency; a hint", "the sweep rebuilds it"),
    Row("sm:limit:{<sub-account>}", "hash", "acquire_permits, pause_sub_account", "1 hour idle"),
    Row("sm:learned:{<sub-account>}", "hash", "keep_learned: rate, state", "limits forget"),
    Row("sm:learned:{<sub-account>}:history", "stream", "keep_learned", "30 days"),
    Row("sm:signals:{<sub-account>}", "hash", "flush_metrics", "keep_learned, 3 minutes"),
    Row("sm:signals:{<sub-account>}:flushed:<process>", "string", "flush_metrics", "1 day"),
    Row("sm:tiers", "hash", "change_tier: portfolio → tier by the provider; settings", "never"),
    Row("sm:places:{<portfolio>}", "hash", "reserve_places: digests, by time", "25 hours idle"),
    Row("sm:pairs:{<sub-account>}:<period>", "hash", "space_pairs: digests, messages", "2 minutes"),
    Row("sm:permit:{<sub-account>}:<op>", "string", "acquire_permits", "10 seconds"),
    Row("sm:requests:{<sub-account>}", "zset", "begin_request: request → time", "note_ended"),
    Row("sm:unreached:{<sub-account>}", "hash", "workers: host → what keeps it away", "it answers"),
    Row("sm:breakers:{<sub-account>}", "hash", "open_breaker, acquire_permits", "close_breaker"),
    Row("sm:breakers:{<sub-account>}:events", "hash", "open_breaker, close_breaker", "never"),
    Row("sm:receipts:{<sub-account>}:<code>", "hash", "count_receipts", "`within` of the code"),
    Row("sm:{workers}", "zset", "register_worker", "unregister_worker, its lease"),
    Row("sm:{workers}:wake", "list", "wake_workers", "a dispatcher takes it"),
    Row("sm:{workers}:calling", "string", "wake_workers", "register_worker, 1 hour"),
    Row("sm:{workers}:<served>", "zset", "register_worker, of dedicated workers", "its lease"),
    Row("sm:{workers}:<served>:wake", "list", "wake_workers", "such a dispatcher takes it"),
    Row("sm:sweep", "string", "one sweeper at a time", "its lease"),
    Row("sm:swept", "hash", "note_sweep, sweep", "never"),
    Row("sm:inboxes", "zset", "take_inbox: number of an inbox → end of lease", "never"),
    Row("sm:{inbox-<n>}", "stream", "add_to_inbox", "acknowledge_inbox", People.BODIES),
    Row("sm:{inbox-<n>}:figures", "hash", "add_to_inbox, acknowledge_inbox", "never"),
    Row("sm:aside", "stream", "keep_unmatched", "newer ones, 30 days", People.BODIES),
    Row("sm:people", "hash", "note_people: what there is of a scope", "never"),
    Row(f"{_PERSON}:suppressed", "hash", "suppress", "unsuppress", People.NAMES),
    Row(f"{_PERSON}:lifted", "zset", "unsuppress", "7 days", People.NAMES),
    Row(f"{_PERSON}:windows:<channel>", "zset", "open_windows", "forget_windows", People.NAMES),
    Row(f"{_PERSON}:unreachable", "zset", "open_windows", "forget_windows", People.NAMES),
    Row(f"{_PERSON}:unmarketed:<period>", "set", "check_recipients", "7 to 14 days", People.NAMES),
    Row(f"{_PERSON}:marketing:<period>", "hash", "reserve_marketing", "cap_days", People.NAMES),
    Row(f"{_PERSON}:events", "stream", "suppress, keep_person_event", "7 days", People.BODIES),
    Row(f"{_PERSON}:forgotten", "hash", "keep_forgotten: digest → suppression", "never"),
    Row("sm:forgetting:<id>", "string", "how far an erasure is; no number", "7 days"),
    Row("sm:backfill:<sub-account>", "hash", "worker, cli: what the last one found", "never"),
    Row(
        "sm:backfill:<sub-account>:lease", "string", "one backfill at a time", "its end, 2 minutes"
    ),
    Row("sm:templates:<sub-account>", "string", "worker: category of each", "the next one"),
    Row("sm:templates:<sub-account>:quality", "hash", "worker: by events of the provider", "never"),
    Row("sm:templates:<sub-account>:asked", "string", "worker: whose turn it was", "15 minutes"),
    Row("sm:{subscriptions}", "hash", "keep_subscription", "removed"),
    Row("sm:{subscriptions}:<id>", "hash", "note_delivery", "removed"),
    Row("sm:{subscriptions}:<id>:dead", "list", "note_delivery", "1,000 newer ones"),
    Row("sm:{audit}", "stream", "write_audit", "1 year"),
    Row("sm:{audit}:addresses", "stream", "write_audit", "90 days"),
    Row("sm:tests:<caller>:<hour>", "string", "campaign test: how many were sent", "1 hour"),
    Row("sm:{tokens}", "hash", "add_token", "revoke_token"),
    Row("sm:{tokens}:secrets", "hash", "web process: key of cursors", "-"),
    Row("sm:{tokens}:used", "hash", "note_token_use", "revoke_token"),
    Row("sm:quota:{<token>}", "string", "take_quota: when it is whole again", "then"),
    Row("sm:{tokens}:session:<digest>", "string", "open_session", "12 hours, or 1 idle"),
    Row("sm:{tokens}:code:<digest>", "string", "sendmany up: id of a token", "1 use, 60 seconds"),
    Row("sm:sent:<batch id>", "string", "worker, of the provider's batch", "7 days or 1"),
    Row("sm:{metrics}", "hash", "flush_metrics", "never"),
    Row("sm:{metrics}:flushed:<process>", "string", "flush_metrics", "1 day"),
)
"""Every kind of key. A new kind with data of people must be added to `person show|forget`, too."""

PEOPLE_SHARDS = 5
"""Shards of the data about people of a sub-account. Changing it takes a step of store.migrations."""
OUTCOMES_PER_KEY = 1000
"""Messages whose records share one string."""

SCHEMA = "sm:schema"
SCHEMA_LOCK = "sm:schema:lock"
LANES = "sm:lanes"
ACTIVE = "sm:active"
ENDED = "sm:ended"
DRAFTS = "sm:drafts"
MISSING = "sm:missing"
OUTCOMES = "sm:outcomes"
STOPS = "sm:stops"
QUIET_HOURS = "sm:quiet_hours"
TIERS = "sm:tiers"
READY = "sm:ready"
WORKERS = "sm:{workers}"
CALLING = "sm:{workers}:calling"
SWEEP = "sm:sweep"
SWEPT = "sm:swept"
INBOXES = "sm:inboxes"
ASIDE = "sm:aside"
PEOPLE = "sm:people"
AUDIT = "sm:{audit}"
AUDIT_ADDRESSES = "sm:{audit}:addresses"
SUBSCRIPTIONS = "sm:{subscriptions}"
TOKENS = "sm:{tokens}"
TOKENS_USED = "sm:{tokens}:used"
SECRETS = "sm:{tokens}:secrets"


def quota(token: str) -> str:
    """When the quota of a token, by its id, is whole again."""
    return f"sm:quota:{{{token}}}"


def session(digest: str) -> str:
    """A session of the page, by the SHA-256 of its id."""
    return f"{TOKENS}:session:{digest}"


def sign_in_code(digest: str) -> str:
    """A code that signs in once, by its SHA-256."""
    return f"{TOKENS}:code:{digest}"


METRICS = "sm:{metrics}"

SEEN_BUCKETS = 4096
"""Hashes that the idempotency keys of a day are spread over."""
_SEEN = [f"{bucket:03x}" for bucket in range(SEEN_BUCKETS)]

NOTIFICATION_FAMILY = 8
"""Length of `n-` + six characters: the family part of a notification lane's id."""


def dispatchers(served: str) -> str:
    """The running dispatchers that serve these priorities (`urgent`, `normal-bulk`; '' = all)."""
    return f"{WORKERS}:{served}" if served else WORKERS


def wake_list(served: str) -> str:
    """The wake-ups for these dispatchers."""
    return f"{dispatchers(served)}:wake"


def family(lane: str) -> str:
    """The part of a lane id that is its hash tag."""
    return lane[:NOTIFICATION_FAMILY] if is_of_notifications(lane) else lane


def is_of_notifications(lane: str) -> bool:
    """True for a lane of notifications, whose id is the same on every server."""
    return lane.startswith("n-")


def lanes_called(name: str) -> str:
    """The campaigns of this name, by sub-account."""
    return f"sm:names:{folded_name(name)}"


def folded_name(name: str) -> str:
    """A campaign's name for comparison: without case and white space."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def sent_batch(batch_id: str) -> str:
    """Location of the messages of a provider's batch; a UUID is shortened."""
    return f"sm:sent:{batch_id.replace('-', '')}"


def flushed(process: str) -> str:
    """Number of the last metrics flush of a process."""
    return f"{METRICS}:flushed:{process}"


def inbox(number: int) -> str:
    """Webhook bodies of a receiving process."""
    return f"sm:{{inbox-{number}}}"


def inbox_figures(number: int) -> str:
    """Counts of an inbox."""
    return f"{inbox(number)}:figures"


def shard_of(person: str | bytes) -> int:
    """The shard of a person: by the last digit of the number, or the last letter of an id."""
    last = (person.encode() if isinstance(person, str) else person)[-1:]
    return (ord(last) + 2) % PEOPLE_SHARDS if last else 0


def suppressed(scope: str, shard: int) -> str:
    """Suppressed people: for a sub-account, or (`*`) for all."""
    return f"sm:{{people-{scope}-{shard}}}:suppressed"


def lifted(scope: str, shard: int) -> str:
    """Released people and the times of their release."""
    return f"sm:{{people-{scope}-{shard}}}:lifted"


def windows(sub_account: str, channel: str, shard: int) -> str:
    """End of each person's service window."""
    return f"sm:{{people-{sub_account}-{shard}}}:windows:{channel}"


def unreachable(sub_account: str, shard: int) -> str:
    """People who could not be reached, and until when that is remembered."""
    return f"sm:{{people-{sub_account}-{shard}}}:unreachable"


def unmarketed(sub_account: str, shard: int) -> tuple[str, str]:
    """People whose last message was not marketing, by even and odd periods."""
    base = f"sm:{{people-{sub_account}-{shard}}}:unmarketed"
    return f"{base}:0", f"{base}:1"


def counted_marketing(sub_account: str, shard: int) -> tuple[str, str]:
    """Marketing messages that count against the cap, by person and even and odd periods."""
    base = f"sm:{{people-{sub_account}-{shard}}}:marketing"
    return f"{base}:0", f"{base}:1"


def person_events(scope: str, shard: int) -> str:
    """Events of people for the outcome stream."""
    return f"sm:{{people-{scope}-{shard}}}:events"


def forgotten(scope: str, shard: int) -> str:
    """Digests of forgotten people, and their suppressions that still hold."""
    return f"sm:{{people-{scope}-{shard}}}:forgotten"


def forgetting(number: str) -> str:
    """Progress of an erasure."""
    return f"sm:forgetting:{number}"


def kept_bytes(sub_account: str) -> str:
    """The files of a sub-account's drafts: draft, bytes, and the time at which the entry lapses."""
    return f"sm:drafts:{{{sub_account}}}"


def templates(sub_account: str) -> str:
    """The category of each registered template of a sub-account."""
    return f"sm:templates:{sub_account}"


def template_quality(sub_account: str) -> str:
    """The quality of each template of a sub-account."""
    return f"sm:templates:{sub_account}:quality"


def templates_asked(sub_account: str) -> str:
    """Exists while the registry of templates is fresh."""
    return f"sm:templates:{sub_account}:asked"


def backfill(sub_account: str) -> str:
    """The last backfill of a sub-account."""
    return f"sm:backfill:{sub_account}"


def backfill_lease(sub_account: str) -> str:
    """Exists while a backfill of a sub-account runs."""
    return f"sm:backfill:{sub_account}:lease"


def tests_sent(caller: str, hour: int) -> str:
    """How many test messages a caller has sent in an hour since 1970."""
    return f"sm:tests:{caller}:{hour}"


def outcome_stream(sub_account: str) -> tuple[str, str, str]:
    """Changes of the messages of a sub-account, their figures, and how far each lane was collected."""
    stream = f"sm:{{outcomes-{sub_account}}}"
    return stream, f"{stream}:figures", f"{stream}:lanes"


def subscription(id: str) -> tuple[str, str]:
    """How far a subscription is, and its dead letters."""
    return f"{SUBSCRIPTIONS}:{id}", f"{SUBSCRIPTIONS}:{id}:dead"


def limiter(sub_account: str) -> str:
    """Arrival times and pause of one sub-account."""
    return f"sm:limit:{{{sub_account}}}"


def learned_rate(sub_account: str) -> str:
    """The learned rate of a sub-account, and the state it was learned with."""
    return f"sm:learned:{{{sub_account}}}"


def rate_history(sub_account: str) -> str:
    """Changes of the learned rate."""
    return f"{learned_rate(sub_account)}:history"


def places(portfolio: str) -> str:
    """People who were written to outside a service window, against the tier of a portfolio."""
    return f"sm:places:{{{portfolio}}}"


def pairs(sub_account: str) -> tuple[str, str]:
    """Whom lanes of a sub-account have just written to, by even and odd periods."""
    return f"sm:pairs:{{{sub_account}}}:0", f"sm:pairs:{{{sub_account}}}:1"


def signals(sub_account: str) -> str:
    """Counts by second from which the rate is learned."""
    return f"sm:signals:{{{sub_account}}}"


def signals_flushed(sub_account: str, process: str) -> str:
    """Number of the last flush of signals of a process."""
    return f"{signals(sub_account)}:flushed:{process}"


def permit(sub_account: str, op: str) -> str:
    """The result of an acquisition, for a repeated call."""
    return f"sm:permit:{{{sub_account}}}:{op}"


def requests(sub_account: str) -> str:
    """Requests of a sub-account without an answer yet, by the time of their mark."""
    return f"sm:requests:{{{sub_account}}}"


def unreached(sub_account: str) -> str:
    """Host → reason and start of its failure to reach the provider."""
    return f"sm:unreached:{{{sub_account}}}"


def breakers(sub_account: str) -> str:
    """Open breakers of the sub-account and its templates, and its consecutive server errors."""
    return f"sm:breakers:{{{sub_account}}}"


def breaker_events(sub_account: str) -> str:
    """Scope → time of the last event that opened or closed its breaker."""
    return f"sm:breakers:{{{sub_account}}}:events"


def counted_receipts(sub_account: str, code: int) -> str:
    """Receipts with a code that has a threshold."""
    return f"sm:receipts:{{{sub_account}}}:{code}"


@dataclass(frozen=True, slots=True)
class LaneKeys:
    """All keys of one lane; built by `lane_keys`."""

    base: str
    family_base: str
    meta: str
    counts: str
    codes: str
    stats: str
    queue: str
    retries: str
    claimed_batches: str
    in_doubt: str
    dead: str
    expiring: str
    outbox: str
    tags: str
    tagged: str
    outcomes: str  # prefix; + number of the bucket
    attempt_logs: str  # prefix; + number of the bucket
    ids: str  # prefix; + number of the bucket
    numbers: str  # prefix; + number of the bucket
    values: str  # prefix; + number of the bucket
    cells: str  # prefix; + id of a kept file
    retry_prefix: str  # + retry batch id
    claimed_prefix: str  # + batch id
    in_doubt_prefix: str  # + in-doubt batch id

    def claimed_batch(self, batch: str) -> str:
        return f"{self.claimed_prefix}{batch}"

    def in_doubt_batch(self, in_doubt_batch: str) -> str:
        return f"{self.in_doubt_prefix}{in_doubt_batch}"

    def retry(self, retry: str) -> str:
        return f"{self.retry_prefix}{retry}"

    def done(self, batch: str) -> str:
        """Result of settling this batch, or of an operator's decision, for a repeated call."""
        return f"{self.base}:done:{batch}"

    def numbers_of(self, index: int) -> str:
        """The string with the number of this message of a campaign."""
        return f"{self.numbers}{index // OUTCOMES_PER_KEY}"

    def outcome(self, index: int) -> str:
        """The string with the record of this message."""
        return f"{self.outcomes}{index // OUTCOMES_PER_KEY}"

    def attempt_log(self, index: int) -> str:
        """The list with the earlier attempts of this message."""
        return f"{self.attempt_logs}{index // OUTCOMES_PER_KEY}"

    def long_ids(self, index: int) -> str:
        """The hash of recipients that are not numbers."""
        return f"{self.ids}{index // OUTCOMES_PER_KEY}"

    def seen(self, day: int, buckets: Iterable[int]) -> list[str]:
        """Buckets of the family's idempotency keys: for each, that of the day (since 1970) and of the
        day before."""
        today, yesterday = (f"{self.family_base}:seen:{one}:" for one in (day, day - 1))
        return [of + _SEEN[bucket] for bucket in buckets for of in (today, yesterday)]


@lru_cache(maxsize=4096)
def lane_keys(lane: str) -> LaneKeys:
    """Build the keys of a lane, once."""
    tag = family(lane)
    base = f"sm:{{{tag}}}{lane[len(tag) :]}"
    return LaneKeys(
        base=base,
        family_base=f"sm:{{{tag}}}",
        meta=f"{base}:meta",
        counts=f"{base}:counts",
        codes=f"{base}:codes",
        stats=f"{base}:stats",
        queue=f"{base}:queue",
        retries=f"{base}:retries",
        claimed_batches=f"{base}:claimed",
        in_doubt=f"{base}:in_doubt",
        dead=f"{base}:dead",
        expiring=f"{base}:expiring",
        outbox=f"{base}:outbox",
        tags=f"{base}:tags",
        tagged=f"{base}:tagged",
        outcomes=f"{base}:o:",
        attempt_logs=f"{base}:t:",
        ids=f"{base}:id:",
        numbers=f"{base}:s:",
        values=f"{base}:v:",
        cells=f"{base}:c:",
        retry_prefix=f"{base}:r:",
        claimed_prefix=f"{base}:b:",
        in_doubt_prefix=f"{base}:d:",
    )

"""Every Redis key of sendmany, built here and nowhere else.

    key                          type    written by                      gone after
    sm:{family}rest:meta         hash    open_lane, enqueue_*, move_lane retention
    sm:{family}rest:counts       hash    every script that moves a state retention
    sm:{family}rest:codes        hash    settle_batch, apply_evidence    retention
    sm:{family}rest:stats        hash    mark_posting, settle_batch      retention
    sm:{family}rest:queue        list    enqueue_*, settle, recover      the last claim
    sm:{family}rest:waves        zset    settle_batch, enqueue_messages  promote_due
    sm:{family}rest:w:<wave>     string  settle_batch, enqueue_messages  promote_due
    sm:{family}rest:flights      zset    claim_batch, mark_posting       settle, recover
    sm:{family}rest:f:<batch>    hash    claim_batch, mark_posting       settle, recover
    sm:{family}rest:parked       zset    settle_batch, recover_flights   settle_batch
    sm:{family}rest:p:<park>     hash    settle_batch, recover_flights   settle_batch
    sm:{family}rest:done:<batch> string  settle_batch, revive_dead       10 minutes
    sm:{family}rest:o:<n>        string  settle_batch                    retention
    sm:{family}rest:t:<n>        list    settle_batch, revive_dead       retention
    sm:{family}rest:id:<n>       hash    settle_batch                    retention
    sm:{family}rest:s:<n>        string  enqueue_rows                    retention
    sm:{family}rest:dead         list    settle_batch                    revive_dead, retention
    sm:{family}rest:expiring     string  expire_lane                     its last step
    sm:{family}:seen:<day>:<n>   hash    enqueue_messages                2 days
    sm:names                     hash    producer: campaign name → lane  retention
    sm:lanes                     zset    producer: lane → opening time   retention
    sm:active                    set     producer; sweep                 the lane's end
    sm:missing                   hash    note_missing: lane → sent       clear_missing, 7 days
    sm:ended                     zset    sweep: lane → end time          retention
    sm:stops                     hash    stop_sending: what, of whom       go_on
    sm:ready                     zset    producer, worker: lane → urgency; a hint, rebuilt by the sweep
    sm:limit:{sub-account}       hash    acquire_permits, block_sender   1 hour idle
    sm:permit:{sub-account}:<op> string  acquire_permits                 10 seconds
    sm:breakers:{sub-account}    hash    open_breaker, count_server_error, acquire_permits  close_breaker
    sm:breakers:{sub-account}:told hash  open_breaker, close_breaker: by events  -
    sm:{drains}                  zset    enter_drain                     leave_drain, its lease
    sm:{drains}:wake             list    wake_drain                      a drain loop takes it
    sm:{drains}:calling          string  wake_drain                      enter_drain, 1 hour
    sm:{drains}:<served>         zset    enter_drain: loops that serve some priorities only
    sm:{drains}:<served>:wake    list    wake_drain                      such a loop takes it
    sm:sweep                     string  one sweeper at a time           its lease
    sm:swept                     hash    note_sweep                      never
    sm:{inbox}                   stream  add_to_inbox                    acknowledge_inbox
    sm:{inbox}:aside             stream  keep_aside                      newer ones
    sm:{inbox}:figures           hash    acknowledge_inbox               -
    sm:{people}:suppressed:<scope> hash  suppress                        unsuppress
    sm:{people}:lifted:<scope>   zset    unsuppress                      7 days, a later release
    sm:{people}:windows:<sub-account>:<channel> zset  open_windows       forget_windows
    sm:{people}:replies          hash    open_windows                    -
    sm:{tokens}                  hash    add_token                       revoke_token
    sm:{tokens}:used             hash    note_token_use                  revoke_token
    sm:sent:<batch id>           string  worker, of the provider's batch  7 days, small ones 1 day
    sm:{metrics}                 hash    flush_metrics                   -
    sm:{metrics}:flushed:<process> string  flush_metrics                 1 day

`{family}` is the hash tag: all keys of a lane live on one shard, so that one script can touch them.
A campaign is a family of its own (`rest` is empty); the notification lanes of one sub-account share
one, so that idempotency keys reach over midnight and priorities.
"""

from dataclasses import dataclass
from functools import lru_cache

OUTCOMES_PER_KEY = 1000
"""Messages whose records share one string."""

NAMES = "sm:names"
LANES = "sm:lanes"
ACTIVE = "sm:active"
ENDED = "sm:ended"
MISSING = "sm:missing"
STOPS = "sm:stops"
READY = "sm:ready"
DRAINS = "sm:{drains}"
CALLING = "sm:{drains}:calling"
SWEEP = "sm:sweep"
SWEPT = "sm:swept"
INBOX = "sm:{inbox}"
ASIDE = "sm:{inbox}:aside"
FIGURES = "sm:{inbox}:figures"
REPLIES = "sm:{people}:replies"
TOKENS = "sm:{tokens}"
TOKENS_USED = "sm:{tokens}:used"
METRICS = "sm:{metrics}"

NOTIFICATION_FAMILY = 8
"""Length of `n-` + six characters: the family part of a notification lane's id."""


def drains(served: str) -> str:
    """The running drain loops that serve these priorities (`urgent`, `normal-bulk`; '' = all)."""
    return f"{DRAINS}:{served}" if served else DRAINS


def wake_list(served: str) -> str:
    """The wake-ups for these loops."""
    return f"{drains(served)}:wake"


def family(lane: str) -> str:
    """The part of a lane id that is its hash tag."""
    return lane[:NOTIFICATION_FAMILY] if lane.startswith("n-") else lane


def sent_batch(batch_id: str) -> str:
    """Where the messages of a batch of the provider are; a UUID is shortened."""
    return f"sm:sent:{batch_id.replace('-', '')}"


def flushed(process: str) -> str:
    """Number of the last flush of what a process has counted."""
    return f"{METRICS}:flushed:{process}"


def suppressed(scope: str) -> str:
    """Who must not be written to: by a sub-account, or (`*`) by any."""
    return f"sm:{{people}}:suppressed:{scope}"


def lifted(scope: str) -> str:
    """Who has been released from that, and when."""
    return f"sm:{{people}}:lifted:{scope}"


def windows(sub_account: str, channel: str) -> str:
    """Until when the service window of each person is open."""
    return f"sm:{{people}}:windows:{sub_account}:{channel}"


def limiter(sub_account: str) -> str:
    """Arrival times and the block of one sub-account."""
    return f"sm:limit:{{{sub_account}}}"


def permit(sub_account: str, op: str) -> str:
    """The answer that an acquisition got, for a call that is repeated."""
    return f"sm:permit:{{{sub_account}}}:{op}"


def breakers(sub_account: str) -> str:
    """What holds up the sub-account or a template of it, and its server errors in a row."""
    return f"sm:breakers:{{{sub_account}}}"


def told_of_breakers(sub_account: str) -> str:
    """Scope → time of the last event that opened or closed its breaker."""
    return f"sm:breakers:{{{sub_account}}}:told"


@dataclass(frozen=True, slots=True)
class LaneKeys:
    """All keys of one lane. Build with `lane_keys`."""

    base: str
    family_base: str
    meta: str
    counts: str
    codes: str
    stats: str
    queue: str
    waves: str
    flights: str
    parked: str
    dead: str
    expiring: str
    outcomes: str  # prefix; + number of the bucket
    trails: str  # prefix; + number of the bucket
    ids: str  # prefix; + number of the bucket
    numbers: str  # prefix; + number of the bucket
    wave_prefix: str  # + wave id
    park_prefix: str  # + park id

    def flight(self, batch: str) -> str:
        """One claimed batch."""
        return f"{self.base}:f:{batch}"

    def park(self, park: str) -> str:
        """One parked batch."""
        return f"{self.park_prefix}{park}"

    def wave(self, wave: str) -> str:
        """The jobs of one retry wave."""
        return f"{self.wave_prefix}{wave}"

    def done(self, batch: str) -> str:
        """What settling this batch, or an operator's word, was answered, for a call that is repeated."""
        return f"{self.base}:done:{batch}"

    def numbers_of(self, index: int) -> str:
        """The string that holds the number of this message of a campaign."""
        return f"{self.numbers}{index // OUTCOMES_PER_KEY}"

    def outcome(self, index: int) -> str:
        """The string that holds the record of this message."""
        return f"{self.outcomes}{index // OUTCOMES_PER_KEY}"

    def trail(self, index: int) -> str:
        """The list that holds the earlier attempts of this message."""
        return f"{self.trails}{index // OUTCOMES_PER_KEY}"

    def long_ids(self, index: int) -> str:
        """The hash that holds recipients who are not numbers."""
        return f"{self.ids}{index // OUTCOMES_PER_KEY}"

    def seen_on(self, day: str) -> str:
        """Prefix of the family's idempotency buckets of one day."""
        return f"{self.family_base}:seen:{day}:"


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
        waves=f"{base}:waves",
        flights=f"{base}:flights",
        parked=f"{base}:parked",
        dead=f"{base}:dead",
        expiring=f"{base}:expiring",
        outcomes=f"{base}:o:",
        trails=f"{base}:t:",
        ids=f"{base}:id:",
        numbers=f"{base}:s:",
        wave_prefix=f"{base}:w:",
        park_prefix=f"{base}:p:",
    )

"""Opens lanes: campaigns by sub-account and name, notification lanes also by priority and day."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store.access.audit import entry
from store.client import Call, Store, command, first, script_call, text
from store.errors import LaneMismatch
from store.keys import ACTIVE, LANES, OUTCOMES, folded_name, lane_keys, lanes_called
from store.lanes.lane import Canary, LaneStatus, Policies, Priority
from store.plans import Plan, ask, carry_out
from store.purposes import Purpose
from store.records.outcome import VERSION

FILES_SECONDS = 8 * 86_400
"""How long the files of an untouched draft are kept; the sweep removes drafts before."""
_TOLD = ("name", "content_digest", "sub_account", "source", "file_sum")


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """Parameters of opening a campaign."""

    name: str
    sub_account: str
    content: bytes
    content_digest: str
    source: str  # fingerprint of the recipient file
    priority: Priority = Priority.BULK
    policies: Policies = Policies()
    early: bool = False  # may be claimed from while the file is being read
    purpose: Purpose | None = None
    template: str = ""  # as in the registry; empty: none, or varying
    send_at: int = 0  # ms since 1970 at which it starts; 0: when it is loaded
    zone: str = ""
    rate: float = 0  # messages/s; 0: that of its sub-account
    weight: int = 1  # beside other lanes of its priority
    keep: tuple[str, ...] = ()  # further columns of the file whose cells are kept with the values
    parent: str = ""  # id of the campaign that this one retries
    finish_by: int = 0  # ms since 1970; 0: no such time
    finish_zone: str = ""
    canary: str = ""  # `500`, `5%` or `WARM_UP` go first; empty: all
    local_start: str = ""  # a dumped `LocalStart`; empty: none
    zone_place: int = 0  # the value of the job lines that names the person's zone; 0: none does


def open_campaign(store: Store, plan: CampaignPlan) -> tuple[str, bool]:
    """Open a campaign, or find the same one if it was opened before.

    Returns:
        The lane id, and True if it existed.

    Raises:
        LaneMismatch: the sub-account has a campaign of this name with another message or file.
    """
    names, account = lanes_called(plan.name), plan.sub_account
    lane = lane_for_name(store, plan.name, account)
    fresh, status, digest, source = store.run(open_lane(lane, campaign_fields(lane, plan)))
    if not fresh and (digest, source) != (plan.content_digest, plan.source):
        raise LaneMismatch(_what_differs(plan, digest, status))
    if fresh:
        what = (plan.content_digest, plan.source)
        store.run(entry(f"campaign.{'retry' if plan.parent else 'launch'}", plan.name, "", what))
    store.run(command("HSETNX", names, account, lane, parse=_nothing))  # if it was just freed
    _register(store, lane)
    return lane, not fresh


def campaign_fields(lane: str, plan: CampaignPlan) -> dict[str, str | int | float | bytes]:
    """The properties of a campaign when it is opened."""
    return {
        **common_fields(
            lane, plan.name, "campaign", plan.sub_account, plan.priority, plan.policies
        ),
        "status": LaneStatus.SENDING if plan.early else LaneStatus.LOADING,
        "early": int(plan.early),
        "loaded": 0,
        "content": plan.content,
        "content_digest": plan.content_digest,
        "source": plan.source,
        "purpose": plan.purpose or "",
        "template": plan.template,
        "send_at": plan.send_at or "",
        "zone": plan.zone,
        "rate": plan.rate,
        "weight": plan.weight,
        "keep": json.dumps(plan.keep),
        "parent": plan.parent,
        "finish_by": plan.finish_by,
        "finish_zone": plan.finish_zone,
        "canary": plan.canary,
        "canary_state": Canary.LOADING if plan.canary else "",
        "local_start": plan.local_start,
        "zone_place": plan.zone_place or "",
    }


def find_repeated(
    store: Store, plan: CampaignPlan, file_sum: str = "", *, newest: int = 100
) -> str | None:
    """The name of another of the newest campaigns with the message and recipient file of this plan, if
    any: its recipients would get two messages.

    Args:
        file_sum: digest of all rows, if known.
    """
    ours = [plan.content_digest, plan.sub_account]
    ids = store.run(command("ZREVRANGE", LANES, 0, newest - 1, parse=_texts))
    for lane in ids:
        told = command("HMGET", lane_keys(lane).meta, *_TOLD, parse=_texts)
        name, *same, source, rows = store.run(told)
        is_file = rows == file_sum if file_sum and rows else source == plan.source
        if same == ours and is_file and folded_name(name) != folded_name(plan.name):
            return name
    return None


def open_notifications(
    store: Store, lane: str, sub_account: str, priority: Priority, policies: Policies
) -> None:
    """Open a notification lane; idempotent."""
    carry_out(store, opened_notifications(lane, sub_account, priority, policies))


def opened_notifications(
    lane: str, sub_account: str, priority: Priority, policies: Policies
) -> Plan[None]:
    """The steps of `open_notifications`."""
    name = f"{sub_account} {priority} notifications"
    fields = {
        **common_fields(lane, name, "notifications", sub_account, priority, policies),
        "status": LaneStatus.SENDING,
        "loaded": 1,
        "rolling": 1,
    }
    yield from ask(open_lane(lane, fields))
    yield from _registered(lane)


def notification_lane(sub_account_digest: str, priority: Priority, day: str) -> str:
    """Id of a notification lane.

    Args:
        sub_account_digest: six characters that stand for the sub-account.
        day: `yymmdd`.
    """
    return f"n-{sub_account_digest}-{priority[0]}{day}"


def lane_for_name(store: Store, name: str, sub_account: str, wanted: str = "") -> str:
    """The id of the campaign with this name, or of the one that takes it now: `wanted`, or a new one."""
    names, fresh = lanes_called(name), wanted or f"{_slug(name)}-{secrets.token_hex(3)}"
    store.run(command("HSETNX", names, sub_account, fresh, parse=_nothing))
    return store.run(command("HGET", names, sub_account, parse=text))


def _slug(name: str) -> str:
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
    slug = "-".join(part for part in kept.split("-") if part)[:17].strip("-")
    return "c" if slug in ("", "n") or slug.startswith("n-") else slug


def _register(store: Store, lane: str) -> None:
    carry_out(store, _registered(lane))


def _registered(lane: str) -> Plan[None]:
    yield from ask(command("SADD", ACTIVE, lane, parse=_nothing))
    opened_at = yield from ask(command("HGET", lane_keys(lane).meta, "opened_at", parse=text))
    yield from ask(command("ZADD", LANES, "NX", opened_at or "0", lane, parse=_nothing))


def common_fields(
    lane: str, name: str, kind: str, sub_account: str, priority: Priority, policies: Policies
) -> dict[str, str | int | float | bytes]:
    """The properties that all lanes have."""
    return {
        "id": lane,
        "layout": VERSION,
        "name": name,
        "kind": kind,
        "sub_account": sub_account,
        "priority": priority,
        "on_unconfirmed": policies.on_unconfirmed,
        "on_server_error": policies.on_server_error,
        "settle_after": policies.settle_after,
        "window": policies.window,
    }


def open_lane(
    lane: str, fields: Mapping[str, str | int | float | bytes], files: Sequence[str] = ()
) -> Call[tuple[bool, str, str, str]]:
    """Open a lane, once.

    Args:
        files: keys of the kept files of a draft.

    Returns (when run):
        True if it was opened now; status and digests of content and source of the lane there is.
    """
    words = [word for pair in fields.items() for word in pair]
    keys = (lane_keys(lane).meta, lane_keys(lane).expiring, *files)

    def open_(wanted: bool) -> Call[tuple[bool, str, str, str]]:
        args = (FILES_SECONDS, *words, *(("outcomes", 1) if wanted else ()))
        return script_call("open_lane", keys, args, _opened)

    return first(wants_outcomes(str(fields["sub_account"])), open_)


def wants_outcomes(sub_account: str) -> Call[bool]:
    """True while a stream of the sub-account's outcomes is wanted."""
    return command("ZSCORE", OUTCOMES, sub_account, parse=bool)


def _opened(reply: Any) -> tuple[bool, str, str, str]:
    return bool(reply[0]), text(reply[1]), text(reply[2]), text(reply[3])


def _what_differs(plan: CampaignPlan, digest: str, status: str) -> str:
    if status == LaneStatus.DRAFT:
        return (
            f"There is a draft {plan.name!r}: launch it without a file, delete it, or choose another "
            "name."
        )
    same = digest == plan.content_digest
    what = "recipient file, number column or region" if same else "message"
    return (
        f"There is already a campaign {plan.name!r} with another {what}: choose another name, "
        "or launch it with what it was launched with to go on where it was."
    )


def _texts(reply: Any) -> list[str]:
    return [text(value) for value in reply]


def _nothing(_: Any) -> None:
    return None

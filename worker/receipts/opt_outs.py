"""Applies opt-outs, opt-ins and service windows from replies and receipts.

An opt-out reply, and a receipt that the person wants no marketing, stop marketing; and everything if the
last message to that person was not marketing. A receipt that the person has blocked the sender stops
everything. One that says that the person could not be reached suspends marketing for a time. Which codes
mean what is data (config/reactions.py). Each counts from its own time, so a late or repeated one does
not overrule a later one.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from chatapps.opt_out_words import OPT_OUT_WORDS, START_WORDS, OptOut, is_opt_out, is_start
from chatapps.webhooks import Channel, Person, Receipt, Reply
from config.reactions import PERSONAL, Reaction
from config.sections import OptOuts
from config.settings import Settings
from store.client import AsyncStore
from store.people.events import REPLY, keep_person_event, wanting
from store.people.forgotten import release_forgotten
from store.people.service_windows import AT_ONCE, mark_unreachable, open_windows
from store.people.suppressions import (
    EVERYTHING,
    EVERYWHERE,
    MARKETING,
    ConsentChange,
    Purposes,
    Why,
    opt_out,
    release,
)
from store.receipts.inbox import Entry


class Stop(NamedTuple):
    """An opt-out: its scope and its source."""

    scope: str
    sub_account: str | None  # of the last message to the person; None: unknown
    why: Why
    purposes: Purposes


@dataclass(frozen=True, slots=True)
class ConsentChanges:
    """Changes from the replies of one round."""

    windows: dict[str, list[ConsentChange]] = field(
        default_factory=dict
    )  # sub-account → people who wrote
    stops: dict[Stop, list[ConsentChange]] = field(default_factory=dict)
    starts: dict[str, list[ConsentChange]] = field(default_factory=dict)
    unreachable: dict[tuple[str, float], list[ConsentChange]] = field(
        default_factory=dict
    )  # sub-account and seconds for which it is remembered → people
    replies: list[tuple[str, str, dict[str, str]]] = field(
        default_factory=list
    )  # sub-account, person, members of the event
    figures: Counter[str] = field(default_factory=Counter)  # as store/receipts/inbox.py names them


def note_reply(changes: ConsentChanges, reply: Reply, entry: Entry, settings: Settings) -> None:
    """Add the change of one reply.

    Args:
        entry: the reply's entry.
    """
    said_ms = entry.moment(reply.timestamp)
    people: list[ConsentChange] = [(who, said_ms) for who in _names(reply.person)]
    sub_account = sub_account_of(reply, settings)
    changes.figures["replies"] += 1
    if reply.channel == Channel.WHATSAPP and sub_account is not None:
        changes.windows.setdefault(sub_account, []).extend(people)
    if sub_account is not None and people:
        words = reply.text or (reply.tap.title if reply.tap else None) or ""
        told = {"id": reply.umid, "channel": reply.channel, "kind": reply.type, "at": str(said_ms)}
        changes.replies.append((sub_account, people[0][0], {**told, "text": words}))
    meant = consent_change_of(reply, settings.opt_outs)
    if meant is None or not people:
        return
    scope = _scope(sub_account, settings)
    if meant is OptOut.YES:
        changes.figures["opt_outs"] += 1
        stop = Stop(scope, sub_account, Why.REPLY, MARKETING)
        changes.stops.setdefault(stop, []).extend(people)
    else:
        changes.figures["opt_ins"] += 1
        changes.starts.setdefault(scope, []).extend(people)


def personal_codes(settings: Settings) -> frozenset[int]:
    """Codes of receipts that lead to something for the person."""
    rules = settings.reactions_in_force.values()
    return frozenset(rule.code for rule in rules if rule.action in PERSONAL)


def note_refusal(
    changes: ConsentChanges, receipt: Receipt, entry: Entry, settings: Settings, sub_account: str
) -> bool:
    """Add what a receipt's code leads to for the person: an opt-out (provider docs, opt-out), or no
    marketing for some time. True if it is an opt-out.

    Args:
        sub_account: of the message.
    """
    rule = settings.reactions_in_force.get(receipt.code or 0)
    if rule is None or rule.action not in PERSONAL:
        return False
    said_ms = entry.moment(receipt.timestamp)
    people: list[ConsentChange] = [(who, said_ms) for who in _names(receipt.person)]
    if rule.action is Reaction.SKIP_MARKETING:
        changes.unreachable.setdefault((sub_account, rule.lasts), []).extend(people)
        return False
    purposes = MARKETING if rule.action is Reaction.OPT_OUT_MARKETING else EVERYTHING
    scope = _scope(receipt.sub_account, settings)
    stop = Stop(scope, receipt.sub_account, Why.RECEIPT, purposes)
    changes.stops.setdefault(stop, []).extend(people)
    changes.figures["opt_outs"] += 1
    return True


def consent_change_of(reply: Reply, words: OptOuts) -> OptOut | None:
    """YES for an opt-out, NO for its withdrawal, None for neither, by the typed text and the tapped
    button."""
    tap = reply.tap
    said = [reply.text, *((tap.title, tap.payload, tap.id) if tap else ())]
    stops = OPT_OUT_WORDS if words.words is None else frozenset(words.words)
    starts = START_WORDS if words.start_words is None else frozenset(words.start_words)
    if any(is_opt_out(text, stops) is OptOut.YES for text in said):
        return OptOut.YES
    return OptOut.NO if any(is_start(text, starts) for text in said) else None


def sub_account_of(reply: Reply, settings: Settings) -> str | None:
    """The sub-account that a reply was sent to: from the reply, or by the channel in the settings."""
    if reply.sub_account:
        return reply.sub_account
    owners = [
        name
        for name, account in settings.sub_accounts.items()
        if reply.channel_id is not None and account.channel_id == reply.channel_id
    ]
    return owners[0] if len(owners) == 1 else None


async def fulfil(store: AsyncStore, changes: ConsentChanges, settings: Settings) -> None:
    """Apply the changes. Idempotent; only the event of a reply may come twice."""
    wanted = await store.run(wanting(REPLY)) if changes.replies else set()
    for sub_account, who, told in changes.replies:
        if sub_account in wanted:
            await store.run(keep_person_event(sub_account, REPLY, who, **told))
    for sub_account, people in changes.windows.items():
        for group in _groups(people):
            await store.run(open_windows(sub_account, group, written=True))
    for stop, people in changes.stops.items():
        for group in _groups(people):
            asked = [stop.sub_account] if stop.sub_account else settings.sub_accounts
            purposes = EVERYTHING if stop.purposes == EVERYTHING else None
            await store.run(opt_out(stop.scope, group, stop.why, purposes, asked=asked))
    for (sub_account, seconds), people in changes.unreachable.items():
        for group in _groups(people):
            await store.run(mark_unreachable(sub_account, group, seconds))
    for scope, people in changes.starts.items():
        for group in _groups(people):
            await store.run(release(scope, group, replied=True))
            names = [who for who, _ in group]
            await store.run_all(release_forgotten(settings.secret_key(), scope, names))


def _scope(sub_account: str | None, settings: Settings) -> str:
    """Scope of an opt-out."""
    return EVERYWHERE if settings.opt_outs.scope == "global" else sub_account or EVERYWHERE


def _names(person: Person) -> Iterable[str]:
    """Names of a person: number, the channel's id, or both; jobs may use either."""
    return filter(None, (person.msisdn, person.user_id))


def _groups(people: Sequence[ConsentChange]) -> Iterable[Sequence[ConsentChange]]:
    return (people[first : first + AT_ONCE] for first in range(0, len(people), AT_ONCE))

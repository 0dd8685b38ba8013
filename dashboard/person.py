"""Shows and erases the data about one person.

Erasing begins with a digest of the person, so that no recipient file can bring the person back. Then it
scans all lanes and inboxes until a round finds nothing: batches in flight are settled without the
person, and the next round finds what they write back. At the end the server rewrites its files.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from dashboard.explain import iso
from dashboard.message import as_json, message_status_of
from store.client import Store
from store.errors import StoreFault
from store.lanes.lane import Lane
from store.people.drafts import erase_rows, find_rows
from store.people.erase import erase_body, erase_in_lane, forget_in_scope, scopes_of_people
from store.people.find import Body, Found, all_lanes, find_bodies, find_in_lane
from store.people.forgotten import digest_of, is_forgotten, note_forgotten
from store.people.marketing_cap import read_counted
from store.people.person import Person
from store.people.recipients import read_values
from store.people.rewrite import replicas, rewrite_files
from store.people.service_windows import unreachable_until, window_end
from store.people.suppressions import EVERYWHERE, find_unmarketed, read_released, read_suppression
from store.receipts.inbox import stored_at
from store.records.job_section import international
from store.reports.waiting import now_ms

BACKUPS: Final = "backups, and files that were exported or given to a launch"
NOTICED_SECONDS: Final = 6.0
"""Seconds within which every producer notices an erasure (producer/forgotten.py)."""
ROUND_SECONDS: Final = 1.0
MOST_ROUNDS: Final = 300
INBOX_ROUNDS: Final = 10
"""Rounds in which workers may apply webhook bodies; then the bodies are deleted unread."""
_THOUSAND: Final = 1000


def show_person(
    store: Store,
    person: Person,
    sub_accounts: Iterable[str],
    secret: bytes | None,
    may_see: Callable[[str], bool] = lambda _: True,
) -> dict[str, Any]:
    """Everything held about a person.

    Args:
        sub_accounts: of the settings.
        secret: of the settings; without it nothing shows whether the person was forgotten.
        may_see: filter of sub-accounts. Webhook bodies are shown only to a caller who may see all of
            them.
    """
    scopes = scopes_of_people(store, sub_accounts)
    visible = [scope for scope in scopes if scope == EVERYWHERE or may_see(scope)]
    all_of_it = len(visible) == len(scopes)
    lanes = [lane for lane in all_lanes(store) if may_see(lane.sub_account)]
    kept = store.run(is_forgotten(digest_of(person.who, secret))) if secret else None
    return {
        "person": international(person.who),
        "forgotten_at": iso(kept.since / _THOUSAND) if kept else None,
        "messages": [one for lane in lanes for one in _messages(store, lane, person)],
        "drafts": [
            {"id": lane.id, "name": lane.name, "row": row.text.decode("utf-8", "replace").strip()}
            for lane in lanes
            for row in find_rows(store, lane, person)
        ],
        **_known(store, person, visible),
        "webhooks": (
            [_body(body) for body in find_bodies(store, person, scopes)] if all_of_it else []
        ),
        "not_covered": [BACKUPS, *([] if all_of_it else ["what other sub-accounts hold"])],
    }


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress or result of an erasure; holds no phone number."""

    state: str = "searching"  # searching | rewriting | done | incomplete
    looked_through: int = 0  # messages searched in this round
    messages: int = 0  # messages in all
    rounds: int = 0
    erased: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("messages", "webhooks", "lists", "drafts"), 0)
    )
    not_covered: tuple[str, ...] = ()
    problem: str = ""  # remaining work for an operator

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def forget_person(
    store: Store,
    person: Person,
    sub_accounts: Iterable[str],
    secret: bytes,
    tell: Callable[[Progress], None] = lambda _: None,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Progress:
    """Erase a person. Idempotent; to be repeated after a failure.

    Raises:
        StoreError: repeat the call.
    """
    erasing = _Erasing(store, person, secret, list(sub_accounts), tell)
    begun = clock()
    while erasing.round() or clock() < begun + NOTICED_SECONDS:
        if erasing.progress.rounds == MOST_ROUNDS:
            return erasing.say(
                state="incomplete", problem="a message is still in flight: repeat it later"
            )
        sleep(ROUND_SECONDS)
    erasing.say(state="rewriting", not_covered=_not_covered(store))
    try:
        rewrite_files(store, lambda: tell(erasing.progress), sleep)
    except StoreFault as error:
        return erasing.say(
            state="incomplete",
            problem=f"Redis did not write its files anew ({error}): run BGREWRITEAOF by hand",
        )
    return erasing.say(state="done")


class _Erasing:
    """One erasure, round by round."""

    def __init__(
        self,
        store: Store,
        person: Person,
        secret: bytes,
        sub_accounts: list[str],
        tell: Callable[[Progress], None],
    ) -> None:
        self._store = store
        self._person = person
        self._secret = secret
        self._digest = digest_of(person.who, secret)
        self._sub_accounts = sub_accounts
        self._tell = tell
        self._messages: dict[str, set[int]] = {}  # by lane, over all rounds
        self.progress = Progress()

    def say(self, **changes: Any) -> Progress:
        """Change the progress and report it."""
        self.progress = replace(self.progress, **changes)
        self._tell(self.progress)
        return self.progress

    def round(self) -> bool:
        """Erase what is found now; True if there was something, so that another round is needed."""
        rounds = self.progress.rounds + 1
        self.say(rounds=rounds, looked_through=0)
        lists = sum(self._forget_in(scope) for scope in self._scopes())
        if rounds == 1:
            self._store.run(note_forgotten(self._secret))
        lanes = list(all_lanes(self._store))
        self.say(messages=sum(lane.next_index for lane in lanes))
        found = [self._erase_in(lane) for lane in lanes]
        deleted, waiting = self._erase_bodies(delete=rounds > INBOX_ROUNDS)
        erased = dict(self.progress.erased)
        erased["messages"] = sum(map(len, self._messages.values()))
        erased["drafts"] += (rows := sum(self._erase_rows(lane) for lane in lanes))
        erased["webhooks"] += deleted
        erased["lists"] += lists
        self.say(erased=erased)
        return any(found) or lists + deleted + waiting + rows > 0

    def _scopes(self) -> list[str]:
        return scopes_of_people(self._store, self._sub_accounts)

    def _forget_in(self, scope: str) -> int:
        return forget_in_scope(self._store, self._person, self._digest, scope)

    def _erase_in(self, lane: Lane) -> bool:
        def go_on(thousands: int) -> None:
            self.say(looked_through=self.progress.looked_through + thousands * _THOUSAND)

        known = lane.id in self._messages
        found = find_in_lane(self._store, lane, self._person, go_on, look_into_jobs=known)
        if not found.indexes and not found.held:
            return False
        indexes = found.indexes | {job.index for held in found.held for job in held.jobs}
        self._messages.setdefault(lane.id, set()).update(indexes)
        erase_in_lane(self._store, lane.id, found, self._store.run(now_ms()) // _THOUSAND)
        return True

    def _erase_rows(self, lane: Lane) -> int:
        rows = list(find_rows(self._store, lane, self._person))
        erase_rows(self._store, lane, rows)
        return len(rows)

    def _erase_bodies(self, *, delete: bool) -> tuple[int, int]:
        """Bodies deleted, and bodies that workers still have to apply."""
        deleted = waiting = 0
        for body in find_bodies(self._store, self._person, self._scopes()):
            if body.kept != "inbox" or delete:
                deleted += self._store.run(erase_body(body))
            else:
                waiting += 1
        return deleted, waiting


def _messages(store: Store, lane: Lane, person: Person) -> Iterable[dict[str, Any]]:
    found: Found = find_in_lane(store, lane, person, lambda _: None)
    lines = {job.index: job.line for held in found.held for job in held.jobs}
    for index in sorted(found.indexes | lines.keys()):
        status = as_json(message_status_of(store, f"{lane.id}.{index}"))
        kept = lines[index].partition(b"\t")[2] if index in lines else b""
        if lane.kind == "campaign":  # with the columns outside the message
            kept = store.run(read_values(lane.id, index // _THOUSAND)).get(index) or kept
        values = kept.decode("utf-8", "replace")
        yield {**status, "sub_account": lane.sub_account, "values": values}


def _known(store: Store, person: Person, scopes: Iterable[str]) -> dict[str, Any]:
    """The data about the person in these scopes."""
    suppressions, windows, releases, unmarketed, marketing = [], [], [], [], []
    unreachable = []
    for scope in scopes:
        suppression = store.run(read_suppression(scope, person.who))
        if suppression is not None:
            since = iso(suppression.since / _THOUSAND)
            suppressions.append(
                {"scope": scope, "since": since, "reason": suppression.reason,
                 "purposes": suppression.stopped}
            )  # fmt: skip
        if ends := store.run(window_end(scope, person.who)):
            windows.append({"sub_account": scope, "until": iso(ends / _THOUSAND)})
        if ends := store.run(unreachable_until(scope, person.who)):
            unreachable.append({"sub_account": scope, "until": iso(ends / _THOUSAND)})
        if released := store.run(read_released(scope, person.who)):
            releases.append({"scope": scope, "at": iso(released / _THOUSAND)})
        if store.run(find_unmarketed(scope, [person.who])):
            unmarketed.append(scope)
        counted = sorted(at for call in read_counted(scope, person.who) for at in store.run(call))
        marketing += [{"sub_account": scope, "at": iso(at)} for at in counted]
    return {
        "suppressions": suppressions,
        "windows": windows,
        "unreachable": unreachable,
        "releases": releases,
        "last_message_was_not_marketing": unmarketed,
        "counted_marketing": marketing,
    }


def _body(body: Body) -> dict[str, Any]:
    return {
        "kept": body.kept,
        "at": iso(stored_at(body.id) / _THOUSAND),
        "body": body.body.decode("utf-8", "replace"),
    }


def _not_covered(store: Store) -> tuple[str, ...]:
    n = replicas(store)
    theirs = f"the files of {n} replica{'s' if n > 1 else ''}, until they are written anew"
    return (theirs, BACKUPS) if n else (BACKUPS,)

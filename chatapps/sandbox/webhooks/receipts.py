"""Plans the posts about a message: receipts and perhaps a reply, their times and distortions. Pure.

A plan depends only on the seed and the message's `clientMessageId`, so that a run can be repeated.
`plain` posts all statuses in order. `wild` also posts late, twice, reordered, without ids, or not at
all, and adds forged posts with a wrong secret.

| share of               | plain | wild  |                                          |
|------------------------|-------|-------|------------------------------------------|
| messages undelivered   | 6 %   | 6 %   | on each channel, with a code             |
| … left at the operator | 3 %   | 3 %   | no further status                        |
| … read                 | 60 %  | 60 %  | of those on a handset                    |
| messages reordered     |       | 5 %   | their receipts change places             |
| posts dropped          |       | 3 %   |                                          |
| … late                 |       | 5 %   | by 5 to 60 s                             |
| … doubled              |       | 5 %   | up to 5 s later                          |
| … without client ids   |       | 6 %   | half of them without the batch's id too  |
| … without the number   |       | 5 %   | version 9, where there is another id     |
| … forged, besides      |       | 1 %   | with a false state and a wrong secret    |
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from chatapps.sandbox.phone_number import TOO_FAST, Capacity, Fate
from chatapps.sandbox.wire import Message, MessageAnswer, User

ReceiptMode: TypeAlias = Literal["none", "plain", "wild"]
RECEIPT_MODES: tuple[ReceiptMode, ...] = get_args(ReceiptMode)
ReceiptVersion: TypeAlias = Literal[8, 9]

WHATSAPP: Final = "WhatsApp"
_UNDELIVERED, _AT_OPERATOR, _READ = 0.06, 0.03, 0.6
_REORDERED, _DROPPED, _LATE, _DOUBLED = 0.05, 0.03, 0.05, 0.05
_WITHOUT_IDS, _WITHOUT_NUMBER, _FORGED = 0.06, 0.05, 0.01


class Status(NamedTuple):
    """Status of a receipt."""

    state: str
    detail: str | None = None
    code: int | None = None
    provider_code: str | None = None
    text: str | None = None

    @property
    def by_handset(self) -> bool:
        """True when the person's device made it."""
        return self in (ON_HANDSET, READ)


SENT: Final = Status("sent")
WITH_OPERATOR: Final = Status("delivered", "delivered_to_operator")
ON_HANDSET: Final = Status("delivered", "delivered_to_recipient")
READ: Final = Status("read")
FAILURES: Final = (
    Status("undelivered", "undelivered_to_recipient", 1018, "131026", "Not reachable here"),
    Status("undelivered", "rejected_by_operator", 1051, "131050", "Does not want offers"),
    Status("undelivered", "undelivered_to_recipient", 1024, "131049", "Withheld for now"),
    Status("undelivered", "rejected_by_operator", 1028, "131056", "Too many to this person"),
    Status("undelivered", "undelivered_to_recipient", 46, None, "Not reachable at the moment"),
)
_REFUSED_BY_NUMBER: Final = {
    TOO_FAST: Status("undelivered", "rejected_by_operator", TOO_FAST, "130429", "Too fast")
}
TEXTS: Final = (
    "Thank you!",
    "Yes please",
    "STOP",
    "Stop.",
    "Who is this?",
    "Grüße 👋",
    "unsubscribe",
)


@dataclass(frozen=True, slots=True)
class Style:
    """Content and distortion of a sandbox's posts."""

    mode: ReceiptMode = "plain"
    version: ReceiptVersion = 9
    seed: int = 0
    reply_share: float = 0.0  # share of the people reached who reply
    channel_id: str = ""  # sender of the messages, for replies
    capacity: Capacity | None = None  # of the sender


class Taken(NamedTuple):
    """Messages that were accepted together."""

    sub_account_id: str
    at: float  # epoch seconds
    messages: Sequence[tuple[Message, MessageAnswer]]
    batch_id: str | None = None
    client_batch_id: str | None = None
    shared: Message | None = None  # defaults of the batch


class Sent(NamedTuple):
    """An accepted message."""

    umid: str
    sub_account_id: str
    user: User
    channels: tuple[str, ...]  # in the order of use
    content_type: str
    at: float  # epoch seconds
    client_message_id: str | None = None
    batch_id: str | None = None
    client_batch_id: str | None = None


class Post(NamedTuple):
    """One planned post about a message."""

    after: float  # s from acceptance to the post
    observed: float  # s from acceptance to the status
    told: Status | str  # status of a receipt, or text of a reply
    channel: str
    forged: bool = False
    with_ids: bool = True
    with_batch_id: bool = True
    with_number: bool = True

    @property
    def kind(self) -> Literal["CADR", "MSG"]:
        """The type of webhook that receives it."""
        return "MSG" if isinstance(self.told, str) else "CADR"


def messages_of(taken: Taken) -> Iterator[Sent | None]:
    """The messages one by one; None for a scheduled one, which may be cancelled and gets no posts."""
    shared = taken.shared or Message()
    for message, answer in taken.messages:
        if message.scheduled or shared.scheduled:
            yield None
            continue
        channels = message.channels or shared.channels or ()
        yield Sent(
            umid=answer.umid,
            sub_account_id=taken.sub_account_id,
            user=answer.user,
            channels=tuple(_named(c.channel) for c in channels if c.channel) or (WHATSAPP,),
            content_type=(message.type or shared.type or "text").lower(),
            at=taken.at,
            client_message_id=answer.client_message_id,
            batch_id=taken.batch_id,
            client_batch_id=taken.client_batch_id,
        )


def plan(sent: Sent, style: Style) -> list[Post]:
    """All posts about a message, ordered by time."""
    random = Random(f"{style.seed}:{sent.client_message_id or sent.umid[-12:]}")
    posts = list(_story(sent.channels, random, style.reply_share))
    if style.mode == "wild":
        posts = list(_disturbed(posts, random))
    return sorted(posts, key=lambda post: post.after)


def after_number(posts: Sequence[Post], fate: Fate) -> list[Post]:
    """The posts about a message when the sender's number has a capacity: later, or a refusal."""
    late = fate.told_after
    if not fate.code:
        return [
            post._replace(after=post.after + late, observed=post.observed + late) for post in posts
        ]
    refusal = _REFUSED_BY_NUMBER.get(fate.code, FAILURES[3])
    return [Post(late, late, refusal, posts[0].channel)] if posts else []


def _named(channel: str) -> str:
    """The channel's name in receipts; requests may spell it in any case."""
    return WHATSAPP if channel.lower() == WHATSAPP.lower() else channel


def _story(channels: Sequence[str], random: Random, reply_share: float) -> Iterable[Post]:
    """All statuses of a message in order; on the next channel when one fails."""
    now = 0.0
    for channel in channels:
        failed = random.random() < _UNDELIVERED
        for status in _course(channel, random, failed=failed):
            now += random.uniform(0.05, 1.5 if status.by_handset else 0.3)
            yield Post(now, now, status, channel)
        if failed:
            continue
        if status.by_handset and random.random() < reply_share:
            now += random.uniform(0.5, 5)
            yield Post(now, now, random.choice(TEXTS), channel)
        return


def _course(channel: str, random: Random, *, failed: bool) -> list[Status]:
    """The statuses on one channel."""
    if failed:
        return [SENT, random.choice(FAILURES if channel == WHATSAPP else FAILURES[-1:])]
    share = random.random()
    if share < _AT_OPERATOR:
        return [SENT, WITH_OPERATOR]
    if random.random() < _READ:
        return [SENT, WITH_OPERATOR, ON_HANDSET, READ]
    return [SENT, WITH_OPERATOR, ON_HANDSET]


def _disturbed(posts: list[Post], random: Random) -> Iterable[Post]:
    if random.random() < _REORDERED:
        times = random.sample([post.after for post in posts], len(posts))
        posts = [post._replace(after=after) for post, after in zip(posts, times, strict=True)]
    for post in posts:
        if random.random() < _FORGED:
            yield post._replace(told=_lie(post.told), forged=True)
        if random.random() < _DROPPED:
            continue
        post = _incomplete(post, random)
        if random.random() < _LATE:
            post = post._replace(after=post.after + random.uniform(5, 60))
        yield post
        if random.random() < _DOUBLED:
            yield post._replace(after=post.after + random.uniform(0, 5))


def _incomplete(post: Post, random: Random) -> Post:
    if random.random() < _WITHOUT_IDS:
        post = post._replace(with_ids=False, with_batch_id=random.random() < 0.5)
    return post._replace(with_number=random.random() >= _WITHOUT_NUMBER)


def _lie(told: Status | str) -> Status | str:
    """A false status or reply, for a forged post."""
    if isinstance(told, str):
        return "STOP"
    return READ if told.code else FAILURES[1]

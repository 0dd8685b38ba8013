"""The provider's log of messages, for details and exports: statuses so far, numbers and content masked.

Only messages with receipts are logged, whether or not a receipt was acknowledged. A status is derived
from the message's plan when it is asked for, so that a message costs some hundred bytes.
"""

import csv
import io
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from chatapps.sandbox.phone_number import Fate
from chatapps.sandbox.responses import timestamp
from chatapps.sandbox.webhooks.receipts import Post, Sent, Style, after_number, plan
from chatapps.sandbox.wire import Detail, Status, User

MOST_LOGGED: Final = 250_000
"""Newest messages that are kept."""
ROWS_AT_ONCE: Final = 20
MASKED: Final = "**MASKED**"
COLUMNS: Final = (
    *("umid", "subAccountId", "batchId", "clientMessageId", "clientBatchId", "channel", "step"),
    *("msisdn", "contentType", "content", "status", "statusDetail", "errorCode", "createdAt"),
    "statusTimestamp",
)


class MessageLog:
    """The newest messages.

    Args:
        style: of their receipts.
        patience: factor of all delays.
    """

    def __init__(self, style: Style, patience: float) -> None:
        self._style = replace(style, mode="plain")  # the log is not disturbed
        self._patience = patience
        self._kept: dict[int, tuple[Sent, Fate | None]] = {}

    def reset(self) -> None:
        """Forget all messages."""
        self._kept.clear()

    def add(self, sent: Sent, fate: Fate | None) -> None:
        """Log a message, and what the sender's number did with it."""
        self._kept[_serial(sent.umid)] = sent, fate
        if len(self._kept) > MOST_LOGGED:
            del self._kept[next(iter(self._kept))]

    def steps(self, umid: str, now: float) -> list[Detail]:
        """The channels of a message in order of use, the status of each by now; empty if it is not
        logged."""
        found = self._kept.get(_serial(umid))
        return [] if found is None else self._steps(*found, now)

    def export(
        self, sub_account_id: str, since: float, until: float, now: float
    ) -> Iterator[bytes]:
        """A gzipped CSV of a sub-account's messages of a time, in small parts; nothing if there are
        none."""
        packer, text = zlib.compressobj(wbits=31), io.StringIO()
        table = csv.writer(text)
        rows = 0
        for sent, fate in list(self._kept.values()):
            if sent.sub_account_id != sub_account_id or not since <= sent.at < until:
                continue
            if not rows:
                table.writerow(COLUMNS)
            rows += 1
            table.writerows(_row(sent, step) for step in self._steps(sent, fate, now))
            if rows % ROWS_AT_ONCE == 0:
                yield packer.compress(text.getvalue().encode())
                text.seek(0)
                text.truncate()
        if rows:
            yield packer.compress(text.getvalue().encode()) + packer.flush()

    def _steps(self, sent: Sent, fate: Fate | None, now: float) -> list[Detail]:
        posts = plan(sent, self._style)
        if fate is not None:
            posts = after_number(posts, fate)
        elapsed = (now - sent.at) / self._patience if self._patience else float("inf")
        by_channel: dict[str, Post] = {}
        for post in posts:
            if not isinstance(post.told, str) and post.observed <= elapsed:
                by_channel[post.channel] = post
        if not by_channel:
            return [self._detail(sent, 1, sent.channels[0], Status("queued", timestamp(sent.at)))]
        return [
            self._detail(sent, step, channel, self._status(sent, post))
            for step, (channel, post) in enumerate(by_channel.items(), 1)
        ]

    def _status(self, sent: Sent, post: Post) -> Status:
        assert not isinstance(post.told, str)
        at = timestamp(sent.at + post.observed * self._patience)
        return Status(post.told.state, at, post.told.code, post.told.text, post.told.detail)

    def _detail(self, sent: Sent, step: int, channel: str, status: Status) -> Detail:
        return Detail(
            umid=sent.umid,
            sub_account_id=sent.sub_account_id,
            channel=channel,
            channel_id=self._style.channel_id,
            direction="Outbound",
            status=status,
            content_type=sent.content_type.capitalize(),
            created_at=timestamp(sent.at),
            step=step,
            user=User(msisdn=_masked(sent.user.msisdn)),
            content=MASKED,
            client_message_id=sent.client_message_id,
            client_batch_id=sent.client_batch_id,
            batch_id=sent.batch_id,
        )


def epoch_of(text: str) -> float:
    """A time in one of the provider's formats; raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def _serial(umid: str) -> int:
    return int(umid[-12:], 16)


def _masked(number: str | None) -> str | None:
    return number and f"{number[:-4]}xxxx"


def _row(sent: Sent, step: Detail) -> tuple[object, ...]:
    user, status = step.user or User(), step.status
    return (
        *(step.umid, step.sub_account_id, step.batch_id, step.client_message_id),
        *(step.client_batch_id, step.channel, step.step, user.msisdn, step.content_type),
        *(step.content, status.state, status.detail, status.error_code, step.created_at),
        status.timestamp,
    )

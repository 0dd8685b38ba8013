"""Posts receipts and replies about accepted messages, as the provider posts webhooks.

A post without a 2xx within 5 seconds is repeated after 1, 10, 30 and 90 seconds, then dropped (provider
docs, webhooks). It runs in small steps, so that answers to requests are not delayed.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import islice
from typing import Final, NamedTuple, TypedDict

from chatapps.sandbox.config import SandboxConfig
from chatapps.sandbox.message_log import MessageLog
from chatapps.sandbox.phone_number import PhoneNumber
from chatapps.sandbox.provider import Provider
from chatapps.sandbox.webhooks.http_post import HttpPost
from chatapps.sandbox.webhooks.receipt_bodies import body
from chatapps.sandbox.webhooks.receipts import (
    Post,
    Sent,
    Style,
    Taken,
    after_number,
    messages_of,
    plan,
)

REPEAT_AFTER: Final = (1.0, 10.0, 30.0, 90.0)  # s
AT_ONCE: Final = 16  # concurrent posts
MOST_WAITING: Final = 500_000  # messages and posts; messages beyond get no receipts
_PLAN_AT_ONCE: Final = 20  # messages planned in one step, about 1 ms
_NAP: Final = 0.02  # s

Sleep = Callable[[float], Awaitable[None]]
Send = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""Posts a body with these headers to an address, once; returns the status, or raises OSError."""


class Target(NamedTuple):
    """Address of a post and its Authorization header."""

    url: str
    authorization: str | None = None


FindTarget = Callable[[str, str], Target | None]
"""Sub-account and type of webhook (`CADR`, `MSG`) → target, or None."""


class Posted(TypedDict):
    """Counts of posts. Once `waiting` is 0, all planned posts are acknowledged or dropped."""

    planned: int  # forged ones excluded
    acknowledged: int
    given_up: int
    repeats: int  # of posts that were not acknowledged at once
    forged: int
    forged_accepted: int
    waiting: int  # posts, forged ones included, and messages whose posts are not planned yet
    skipped: int  # messages without receipts because too many wait
    refused_by_number: int  # messages that the number's capacity refused


@dataclass(order=True, slots=True)
class _Due:
    """A scheduled post."""

    at: float  # monotonic seconds
    serial: int
    sent: Sent = field(compare=False)
    post: Post = field(compare=False)
    tries: int = field(default=0, compare=False)


class Poster:
    """Posts the receipts and replies of accepted messages.

    Args:
        style: what is posted, and how distorted.
        find_target: called before each post, so that the target may change.
        patience: factor of all delays; 0.01 turns a minute into 0.6 s.
        send: posts once.
        log: keeps the messages for exports.
        monotonic: seconds.
    """

    def __init__(
        self,
        style: Style,
        find_target: FindTarget,
        *,
        send: Send,
        log: MessageLog | None = None,
        patience: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._style = style
        self._find_target = find_target
        self._patience = patience
        self._number = PhoneNumber(style.capacity, style.seed) if style.capacity else None
        self._send = send
        self._log = log
        self._monotonic = monotonic
        self._sleep = sleep
        self._runner: asyncio.Task[None] | None = None
        self._serial = 0
        self.reset()

    def reset(self) -> None:
        """Drop waiting posts and reset the counts."""
        self._fresh: deque[tuple[float, Iterator[Sent | None]]] = deque()
        self._unplanned = 0
        self._due: list[_Due] = []
        self._in_air: set[asyncio.Task[None]] = set()
        self._counts: Counter[str] = Counter()

    def take(self, taken: Taken) -> None:
        """Schedule posts about these messages. Returns at once; call it in the event loop."""
        size = len(taken.messages)
        if self._find_target(taken.sub_account_id, "CADR") is None:
            return
        if self._unplanned + len(self._due) > MOST_WAITING:
            self._counts["skipped"] += size
            return
        self._fresh.append((self._monotonic(), messages_of(taken)))
        self._unplanned += size
        if self._runner is None or self._runner.done():
            self._runner = asyncio.get_running_loop().create_task(self._run())

    def posted(self) -> Posted:
        """Counts of posts so far."""
        counts = self._counts
        return Posted(
            planned=counts["planned"],
            acknowledged=counts["acknowledged"],
            given_up=counts["given_up"],
            repeats=counts["repeats"],
            forged=counts["forged"],
            forged_accepted=counts["forged_accepted"],
            waiting=self._unplanned + len(self._due) + len(self._in_air),
            skipped=counts["skipped"],
            refused_by_number=counts["refused_by_number"],
        )

    async def finished(self) -> None:
        """Wait until no post waits."""
        if self._runner is not None:
            await self._runner

    async def close(self) -> None:
        """Stop posting."""
        tasks = [*self._in_air, *([self._runner] if self._runner else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        """Run until there is nothing to plan or to post."""
        while self._fresh or self._due or self._in_air:
            self._plan_some()
            while (
                self._due and len(self._in_air) < AT_ONCE and self._due[0].at <= self._monotonic()
            ):
                self._start(heappop(self._due))
            await self._sleep(0 if self._fresh else self._nap())

    def _plan_some(self) -> None:
        if not self._fresh:
            return
        since, messages = self._fresh[0]
        some = list(islice(messages, _PLAN_AT_ONCE))
        if not some:
            self._fresh.popleft()
        self._unplanned -= len(some)
        for sent in filter(None, some):
            posts, fate = plan(sent, self._style), None
            if self._number is not None:
                fate = self._number.take(since, sent.user.msisdn or "")
                posts = after_number(posts, fate)
                self._counts["refused_by_number"] += fate.code != 0
            if self._log is not None:
                self._log.add(sent, fate)
            for post in posts:
                self._counts["planned"] += not post.forged
                self._wait(_Due(since + post.after * self._patience, 0, sent, post))

    def _wait(self, due: _Due) -> None:
        self._serial += 1
        due.serial = self._serial
        heappush(self._due, due)

    def _nap(self) -> float:
        if not self._due or len(self._in_air) >= AT_ONCE:
            return _NAP / 10
        return min(_NAP, max(0.0, self._due[0].at - self._monotonic()))

    def _start(self, due: _Due) -> None:
        task = asyncio.get_running_loop().create_task(self._post(due, self._counts))
        self._in_air.add(task)
        task.add_done_callback(self._in_air.discard)

    async def _post(self, due: _Due, counts: Counter[str]) -> None:
        target = self._find_target(due.sent.sub_account_id, due.post.kind)
        if due.post.forged:
            if target is not None and target.authorization:
                counts["forged"] += 1
                counts["forged_accepted"] += await self._offer(_forged(target, due), due)
            return
        counts["repeats"] += due.tries > 0
        if target is not None and await self._offer(target, due):
            counts["acknowledged"] += 1
        elif target is None or due.tries == len(REPEAT_AFTER):
            counts["given_up"] += 1
        elif counts is self._counts:  # else `reset` was called
            due.at = self._monotonic() + REPEAT_AFTER[due.tries] * self._patience
            due.tries += 1
            self._wait(due)

    async def _offer(self, target: Target, due: _Due) -> bool:
        """Post once; True when it was acknowledged."""
        headers = {"Content-Type": "application/json"}
        if target.authorization:
            headers["Authorization"] = target.authorization
        try:
            status = await self._send(target.url, headers, body(due.sent, due.post, self._style))
        except (OSError, ValueError):  # no answer, or an invalid address
            return False
        return 200 <= status < 300


def poster_for(config: SandboxConfig, provider: Provider, send: Send | None = None) -> Poster:
    """The poster of a sandbox, subscribed to the messages that its provider accepts.

    A webhook set over the API takes precedence over the one of the command line.
    """
    style = Style(
        config.receipts,
        config.receipt_version,
        config.seed,
        config.reply_share,
        config.channel_id,
        config.capacity,
    )

    def find_target(sub_account_id: str, kind: str) -> Target | None:
        webhook = provider.webhook(sub_account_id, kind)
        if webhook is None:
            url = config.webhook_url
            return Target(url, config.webhook_authorization) if url else None
        if webhook.oauth is not None:
            return None  # the sandbox issues no tokens
        return Target(webhook.url, webhook.http_authorization)

    patience = config.webhook_patience
    provider.log = MessageLog(style, patience)
    poster = Poster(
        style, find_target, send=send or HttpPost(), log=provider.log, patience=patience
    )
    provider.on_taken = poster.take
    return poster


def _forged(target: Target, due: _Due) -> Target:
    """The target with a guessed secret, as an attacker would post."""
    secret = target.authorization or ""
    guesses = (None, secret + "x", secret[:-1], secret.swapcase() + "?", "Bearer")
    return target._replace(authorization=guesses[due.serial % len(guesses)])

"""The sandbox without HTTP: a call in, an answer out.

It answers in the documented forms and fails as `faults` decides. Messages are accepted on arrival; the
caller waits for the latency afterwards.
"""

import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from chatapps.sandbox.access import is_key
from chatapps.sandbox.checks import Checker
from chatapps.sandbox.config import SandboxConfig
from chatapps.sandbox.faults import PROFILES, TRANSIENT_CODE, Fault, FaultSource, RequestFaults
from chatapps.sandbox.ledger import Ledger, Schedule
from chatapps.sandbox.message_log import MessageLog, epoch_of
from chatapps.sandbox.responses import Answer, disturb, error_answer, message_status, timestamp
from chatapps.sandbox.umids import UmidMint
from chatapps.sandbox.webhooks.receipts import Taken
from chatapps.sandbox.wire import (
    Batch,
    BatchAnswer,
    Detail,
    Message,
    MessageAnswer,
    Status,
    User,
    read_batch,
    read_message,
)

if TYPE_CHECKING:
    from chatapps.management.webhook_settings import Webhook
    from chatapps.sandbox.management.account import AccountDesk

BATCH_LIMIT = 1000
MOST_FILE_BYTES = 100 * 1024 * 1024
CLIENT_BATCH_ID_LIMIT = 100
DETAILS_EVERY = 1.0
"""Least seconds between two look-ups of message details of a sub-account."""
EXPORT_SECONDS = 0.3
"""Time that an export takes; two thirds of it it waits in the queue."""
EXPORT_DAYS = 7
"""Reach of an export without `from`."""
_NOBODY = User()


@dataclass(frozen=True, slots=True)
class _Export:
    """A job that exports the log. Times in epoch seconds."""

    sub_account_id: str
    since: float
    until: float
    started: float


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the provider's API."""

    sub_account_id: str
    authorization: str | None  # the header
    body: bytes = b""
    at: float = 0.0  # monotonic seconds of its arrival


class Provider:
    """Accepts messages like the provider and records them in a ledger.

    `clock` gives epoch seconds. Calls carry their own (monotonic) times, not before `started`.
    """

    def __init__(
        self, config: SandboxConfig, *, clock: Callable[[], float], started: float = 0.0
    ) -> None:
        self._config = config
        self._clock = clock
        self._born = clock()
        self._mint = UmidMint(uuid.uuid4().hex[:8])
        self._faults = FaultSource(PROFILES[config.faults], config.seed)
        self.on_taken: Callable[[Taken], None] | None = None  # posts receipts
        self.log: MessageLog | None = None  # of messages with receipts
        self._exports: dict[str, _Export] = {}
        self.reset(started)

    def reset(self, started: float) -> None:
        """Clear all messages and requests, and count requests from one again.

        Templates and webhooks stay.
        """
        if self.log is not None:
            self.log.reset()
        self._exports.clear()
        self.ledger = Ledger()
        self._schedule = Schedule()
        self._looked_up: dict[str, float] = {}
        self.started = started
        self._requests = 0

    @cached_property
    def account(self) -> "AccountDesk":
        """Templates and webhooks; created lazily, because building their models takes half a second."""
        module = import_module("chatapps.sandbox.management.account")
        desk: AccountDesk = module.AccountDesk(self._config, clock=self._clock)
        return desk

    def webhook(self, sub_account_id: str, kind: str) -> "Webhook | None":
        """The webhook of this type (`CADR`, `MSG`) that was set over the API, if any."""
        if "account" not in vars(self):  # not created yet
            return None
        return self.account.webhooks.of(sub_account_id, kind)

    def send_many(self, call: Call) -> Answer:
        """`send message many`: up to 1,000 messages."""
        return self._note(call, *self._answer_batch(call))

    def send_one(self, call: Call) -> Answer:
        """`send message`: the body is the message."""
        return self._note(call, *self._answer_single(call))

    def details(self, call: Call, umid: str) -> Answer:
        """`get message details`: a step for each channel, without content."""
        refusal = self._refuse_access(call) or self._refuse_haste(call)
        if refusal is not None:
            return refusal
        try:
            fate = self._mint.read(str(uuid.UUID(umid)))
        except ValueError:
            return self._error(400, 1000)
        if fate is None:
            return self._error(404, 1300)
        steps = self.log.steps(umid, self._clock()) if self.log else []
        if steps:
            return Answer(200, msgspec.json.encode({"data": steps}))
        at = timestamp(self._born + fate.second)
        detail = Detail(
            umid=umid,
            sub_account_id=call.sub_account_id,
            channel="WhatsApp",
            channel_id=self._config.channel_id,
            direction="Outbound",
            status=message_status(fate.code, at),
            content_type="Text",
            created_at=at,
            step=1,
        )
        return Answer(200, msgspec.json.encode({"data": [detail]}))

    def start_export(self, call: Call) -> Answer:
        """`start log export job`: of the messages of a time; other filters are ignored."""
        refusal = self._refuse_access(call)
        if refusal is not None:
            return refusal
        now = self._clock()
        try:
            asked = msgspec.json.decode(call.body, type=dict[str, Any])
            since = epoch_of(asked["from"]) if "from" in asked else now - EXPORT_DAYS * 86_400
            until = epoch_of(asked["to"]) if "to" in asked else now
        except (ValueError, TypeError):
            return self._error(400, 1000)
        if since >= until:
            return self._error(400, 1000)
        job_id = uuid.uuid4().hex
        self._exports[job_id] = _Export(call.sub_account_id, since, until, now)
        return Answer(202, msgspec.json.encode({"jobId": job_id}))

    def export_status(self, call: Call, job_id: str, base_url: str) -> Answer:
        """`get log export job result`: links to the file, once it is there."""
        refusal = self._refuse_access(call)
        if refusal is not None:
            return refusal
        job = self._export_of(call, job_id)
        if job is None:
            return self._error(404, 4018)
        now, status = self._clock(), "succeeded"
        if now < job.started + EXPORT_SECONDS:
            status = "running" if now > job.started + EXPORT_SECONDS * 2 / 3 else "queued"
        elif not any(self.export(call, job_id)):
            status = "empty"
        found: dict[str, object] = {"status": status}
        if status == "succeeded":
            place = f"{base_url}api/v1/subaccounts/{job.sub_account_id}/messages/download/{job_id}"
            found |= {"data": [place], "expires": timestamp(now + 30 * 86_400)}
        return Answer(200, msgspec.json.encode(found))

    def export(self, call: Call, job_id: str) -> Iterator[bytes]:
        """The file of an export; nothing without the right to it."""
        job = self._export_of(call, job_id)
        if self.log is None or job is None or self._refuse_access(call) is not None:
            return iter(())
        return self.log.export(job.sub_account_id, job.since, job.until, self._clock())

    def cancel_export(self, call: Call, job_id: str) -> Answer:
        """`cancel the log export job`."""
        refusal = self._refuse_access(call)
        if refusal is not None:
            return refusal
        if self._export_of(call, job_id) is None:
            return self._error(404, 4018)
        del self._exports[job_id]
        return Answer(204, b"")

    def _export_of(self, call: Call, job_id: str) -> _Export | None:
        job = self._exports.get(job_id)
        return job if job and job.sub_account_id == call.sub_account_id else None

    def cancel(self, call: Call, umid: str) -> Answer:
        """`cancel a scheduled message`: a sent one gives not found."""
        refusal = self._refuse_access(call)
        if refusal is not None:
            return refusal
        if not _is_uuid(umid):
            return self._error(400, 1000)
        if not self._schedule.cancel(umid.lower(), self._clock()):
            return self._error(404, 1300)
        return _cancelled(1)

    def cancel_batch(self, call: Call, batch_id: str) -> Answer:
        """`cancel a scheduled batch`: sent messages are not counted."""
        refusal = self._refuse_access(call)
        if refusal is not None:
            return refusal
        if not _is_uuid(batch_id):
            return self._error(400, 1000)
        return _cancelled(self._schedule.cancel_batch(batch_id.lower(), self._clock()))

    def _answer_batch(self, call: Call) -> tuple[Answer, int]:
        refusal = self._refuse_access(call)
        if refusal is not None:
            return refusal, 0
        batch = read_batch(call.body)
        if batch is None:
            return self._error(400, 1000), 0
        size = len(batch.messages or ())
        code = _envelope_flaw(batch, size)
        if code:
            return self._error(400, code), size
        faults = self._draw_faults()
        return self._refuse_by_fault(faults) or self._take_batch(call, batch, faults), size

    def _answer_single(self, call: Call) -> tuple[Answer, int]:
        refusal = self._refuse_access(call)
        if refusal is not None:
            return refusal, 0
        message = read_message(call.body)
        code = 1000 if message is None else Checker().flaw(message)
        if message is None or code:
            return self._error(400, code), int(message is not None)
        faults = self._draw_faults()
        return self._refuse_by_fault(faults) or self._take_single(call, message, faults), 1

    def _note(self, call: Call, answer: Answer, size: int) -> Answer:
        status = "cut" if answer.cut else str(answer.status)
        self.ledger.arrive(call.at - self.started, size, status, call.sub_account_id)
        return answer

    def upload(self, call: Call) -> Answer:
        """`upload file`: answers with the name of the file and a token; the file is not kept."""
        refusal = self._refuse_access(call)
        if refusal is not None:
            return refusal
        if len(call.body) > MOST_FILE_BYTES:
            return self._error(413, 7001)
        named = re.search(rb'name="file"; filename="[^"\r\n]*?(\.\w{1,5})"', call.body[:4096])
        if named is None:
            return self._error(400, 1000)
        digest = blake2b(call.body, digest_size=16).hexdigest()
        told = {"fileName": digest + named[1].decode(), "token": f"CfDJ8{digest[::-1]}"}
        return Answer(201, msgspec.json.encode(told))

    def _refuse_access(self, call: Call) -> Answer | None:
        if not is_key(self._config, call.authorization):
            return self._error(401, 1200)
        if call.sub_account_id not in self._config.sub_accounts:
            return self._error(400, 1001)
        return None

    def _refuse_haste(self, call: Call) -> Answer | None:
        """The refusal of a second look-up of details within a second by the same sub-account."""
        last = self._looked_up.get(call.sub_account_id)
        if last is not None and call.at - last < DETAILS_EVERY:
            return replace(self._error(429, 429), retry_after=1)
        self._looked_up[call.sub_account_id] = call.at
        return None

    def _draw_faults(self) -> RequestFaults:
        self._requests += 1
        faults = self._faults.request(self._requests)
        faults.delay += self._config.latency_ms / 1000 * faults.random.uniform(0.8, 1.2)
        return faults

    def _refuse_by_fault(self, faults: RequestFaults) -> Answer | None:
        """The answer to a request that is refused as a whole."""
        match faults.fault:
            case Fault.INTERNAL_ERROR:
                answer = self._error(500, TRANSIENT_CODE)
            case Fault.THROTTLED:
                answer = replace(self._error(429, 429), retry_after=1)
            case Fault.BAD_GATEWAY | Fault.UNAVAILABLE | Fault.GATEWAY_TIMEOUT:
                # Sent by a proxy in front of the provider, not in its own form.
                answer = Answer(int(faults.fault.value), b"<html>not available</html>")
            case _:
                return None
        return replace(answer, delay=faults.delay)

    def _take_batch(self, call: Call, batch: Batch, faults: RequestFaults) -> Answer:
        batch_id, messages = str(uuid.uuid4()), batch.messages or []
        checker = Checker(batch.template)
        items, rejected = self._take(messages, checker, faults, batch_id)
        self._tell(call, messages, items, (batch_id, batch.client_batch_id, batch.template))
        answer = BatchAnswer(
            batch_id=batch_id,
            accepted_count=len(items) - rejected,
            rejected_count=rejected,
            client_batch_id=batch.client_batch_id,
            messages=disturb(items, faults) if batch.include_messages_in_response else None,
        )
        return self._finish(answer, faults)

    def _take_single(self, call: Call, message: Message, faults: RequestFaults) -> Answer:
        items, _ = self._take([message], Checker(), faults)
        self._tell(call, [message], items)
        return self._finish(items[0], faults)

    def _tell(
        self,
        call: Call,
        messages: Sequence[Message | None],
        items: Sequence[MessageAnswer],
        batch: tuple[str | None, str | None, Message | None] = (None, None, None),
    ) -> None:
        """Report accepted messages to `on_taken`, whatever the answer."""
        if self.on_taken is None:
            return
        pairs = zip(messages, items, strict=True)
        taken = [(m, item) for m, item in pairs if m and item.status.state == "queued"]
        self.on_taken(Taken(call.sub_account_id, self._clock(), taken, *batch))

    def _finish(self, answer: BatchAnswer | MessageAnswer, faults: RequestFaults) -> Answer:
        """The answer to a request whose messages were accepted."""
        if faults.fault is Fault.ERROR_AFTER_TAKING:
            return replace(self._error(500, TRANSIENT_CODE), delay=faults.delay)
        cut = faults.fault is Fault.CUT_OFF
        return Answer(200, msgspec.json.encode(answer), delay=faults.delay, cut=cut)

    def _take(
        self,
        messages: list[Message | None],
        checker: Checker,
        faults: RequestFaults,
        batch_id: str | None = None,
    ) -> tuple[list[MessageAnswer], int]:
        """Accept the valid messages. Returns an item per message, and the number of refused ones."""
        now = self._clock()
        second, at = int(now - self._born), timestamp(now)
        complete = self._mint.complete
        queued, stem = Status("queued", at), self._mint.stem(0, second)
        items: list[MessageAnswer] = []
        taken: list[str | None] = []
        for message in messages:
            code = 1000 if message is None else self._code(message, checker, faults)
            user = (message and message.user) or _NOBODY
            name = message.client_message_id if message else None
            if code:
                self.ledger.refuse(code)
                umid = complete(self._mint.stem(code, second))
                items.append(MessageAnswer(umid, user, message_status(code, at), name))
            else:
                taken.append(name)
                items.append(MessageAnswer(complete(stem), user, queued, name))
                if message and message.scheduled:
                    self._schedule.add(items[-1].umid, batch_id, message.scheduled)
        self.ledger.take(taken)
        return items, len(items) - len(taken)

    def _code(self, message: Message, checker: Checker, faults: RequestFaults) -> int:
        code = checker.flaw(message) or self._template_flaw(message, checker)
        if code or message.user is None or self._config.faults == "none":
            return code
        user = message.user
        address = user.msisdn or user.channel_user_id or user.line_user_id or ""
        lasting = self._faults.lasting_code(address)
        if not lasting and self._faults.item_fails_once(faults.random):
            return TRANSIENT_CODE
        return lasting

    def _template_flaw(self, message: Message, checker: Checker) -> int:
        """The code that refuses the message's template; 0 unless templates are checked."""
        template = checker.template(message) if self._config.check_templates else None
        if template is None or not self.account.templates:
            return 0
        return self.account.templates.flaw(template)

    def _error(self, status: int, code: int) -> Answer:
        return error_answer(status, code, self._clock())


def _envelope_flaw(batch: Batch, size: int) -> int:
    if not size:
        return 3012
    if size > BATCH_LIMIT:
        return 3013
    return 3014 if len(batch.client_batch_id or "") > CLIENT_BATCH_ID_LIMIT else 0


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _cancelled(count: int) -> Answer:
    return Answer(200, msgspec.json.encode({"cancelledCount": count}))

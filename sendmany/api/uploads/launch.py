"""One launch over HTTP: from the request's body to the response."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import Any, Final, Literal, TypeVar

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from chatapps.messages import MessageError
from chatapps.preflight import Finding, Severity
from chatapps.rendering.compiled import CompiledContent
from chatapps.rendering.placeholders import BrokenPlaceholder, Placeholder, UnknownColumns
from chatapps.templates import RegisteredTemplate
from config.sections import SettingsError
from config.settings import Settings
from dashboard.schemas import moment_out
from producer import Producer
from producer.campaigns.draft import DraftOut, create, draft_out
from producer.campaigns.exclusions import read_exclusions
from producer.campaigns.form import CampaignForm, upload_of
from producer.campaigns.launch import Launch
from producer.campaigns.message_file import refuse_ours
from producer.campaigns.plans.plan import Plan, plan_upload, repeated_sentence
from producer.campaigns.preflight import findings_about, stops, warn_of_windows
from producer.campaigns.schedule import why_late
from producer.campaigns.trial import message_of_row, take_tests
from producer.campaigns.upload import TryRows, Upload, UploadDiffers, Uploaded, begin, receive
from producer.errors import BadPurpose, BadRow, InputError, NotAgreed
from producer.files.invalid_rows import InvalidRow
from producer.files.people_list import addressed, read_person
from producer.files.phone_numbers import mask
from producer.files.stream import ArrivingFile
from producer.wake import SendWakeUp
from sendmany.api.errors import unprocessable
from sendmany.api.uploads.form import (
    F,
    TestForm,
    parse_campaign,
    read_campaign,
    read_recipients,
)
from sendmany.api.uploads.loader import load_while_receiving
from sendmany.api.uploads.multipart import FormError, read_parts
from store.access.tokens import Token
from store.client import AsyncStore, Store
from store.errors import StoreRefused
from store.lanes.lane import Lane, LaneStatus, Priority
from store.threads import ThreadStore

T = TypeVar("T")
CLIENT_LEFT: Final = 400
_MEMBERS: Final = {
    "--at-local": "at_local",
    "--on ": "on ",
    "--at": "send_at",
    "--canary": "canary",
    "--send-while-loading": "send_while_loading",
    "--map phone=COLUMN": 'map {"phone": COLUMN}',
    "--language-column": "language_column",
    "--timezone-column": "timezone_column",
    "--encoding": "encoding",
    "--sheet": "sheet",
    "--where": "where",
    "--country-column": "country_column",
    "--region GB, or default_region": "default_region",
    "--region": "default_region",
    "with --recipients": "at the command line",
    "--as ": "as=",
    "--window ": "policies.window=",
    "--accept-invalid": "accept_invalid",
}


class FindingOut(BaseModel):
    """A finding of the preflight that did not stop the launch, or was overruled."""

    severity: Literal["error", "warning"]
    path: str
    message: str


class InvalidRowOut(BaseModel):
    """An invalid row."""

    line: int  # of the file, from 1
    number: str | None  # the cell with most of its letters and digits masked
    reason: str


class LaunchedOut(BaseModel):
    """Result of an upload."""

    id: str
    name: str
    sub_account: str
    status: LaneStatus
    recipients: int
    duplicates: int
    excluded: int
    invalid_rows: int
    first_invalid_rows: list[InvalidRowOut]
    number_column: str
    country_column: str | None
    folded: int  # values whose line ends, tabs or long runs of blanks became one blank
    resumed: bool  # an earlier upload is continued
    send_at: str | None  # it starts then
    zone: str | None  # in which that was said
    read_as: str  # encoding or sheet of a file that is not UTF-8 text, in words
    findings: list[FindingOut]


class LaunchStopped(Exception):
    """Messages would be refused, and `force` is not set."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(*findings)
        self.findings = findings


class Preflight:
    """Checks the message before anything is stored, and keeps the findings."""

    def __init__(self, store: Store, settings: Settings, upload: Upload, force: bool) -> None:
        self._store = store
        self._settings = settings
        self._upload = upload
        self._force = force
        self.findings: list[Finding] = []

    def __call__(self, content: CompiledContent, try_rows: TryRows) -> RegisteredTemplate | None:
        """Check the content; raises LaunchStopped."""
        upload = self._upload
        found, template = findings_about(
            self._settings, upload.sub_account, upload.message, try_rows
        )
        self.findings = [*found, *self._of_windows(content)]
        if stops(self.findings) and not self._force:
            raise LaunchStopped(self.findings)
        return template

    def _of_windows(self, content: CompiledContent) -> list[Finding]:
        upload = self._upload
        told = warn_of_windows(self._store, content, upload.sub_account, upload.policies)
        return [Finding(Severity.WARNING, "", in_our_words(sentence)) for sentence in told]


async def launch(
    request: Request,
    store: AsyncStore,
    settings: Settings,
    send_wake_up: SendWakeUp,
    caller: Token,
) -> LaunchedOut | DraftOut:
    """Stream an upload and launch it row by row, or keep it as a draft; any error is an
    HTTPException."""

    def load(form: CampaignForm, upload: Upload, file: ArrivingFile) -> LaunchedOut | DraftOut:
        blocking = ThreadStore(store)
        if not form.launch:
            draft = create(blocking, settings, form, upload.sub_account, file)
            return draft_answer(blocking, settings, draft)
        preflight = Preflight(blocking, settings, upload, form.force)
        uploaded = receive(blocking, upload, file, send_wake_up, preflight)
        if uploaded.repeated:
            said = repeated_sentence(uploaded.repeated)
            preflight.findings.append(Finding(Severity.WARNING, "", said))
        account, lane = settings.sub_accounts[upload.sub_account], uploaded.lane
        if upload.finish and (
            late := why_late(account, lane.next_index, upload.finish.ms, lane.send_at)
        ):
            preflight.findings.append(Finding(Severity.WARNING, "finish_by", late))
        return launched_out(uploaded, preflight.findings)

    return await _received(request, store, settings, caller, load, CampaignForm)


async def plan(request: Request, store: AsyncStore, settings: Settings, caller: Token) -> Plan:
    """Stream an upload and return the plan of its launch; nothing is stored."""

    def tell(_: CampaignForm, upload: Upload, file: ArrivingFile) -> Plan:
        return plan_answer(plan_upload(ThreadStore(store), settings, upload, file))

    return await _received(request, store, settings, caller, tell, CampaignForm)


def plan_answer(planned: Plan) -> Plan:
    """A plan whose warnings name members of the form, not options of the command."""
    return planned.model_copy(update={"warnings": [*map(in_our_words, planned.warnings)]})


def draft_answer(store: Store, settings: Settings, lane: Lane) -> DraftOut:
    """A draft as it is kept, its problem in the words of the form."""
    draft = draft_out(store, settings, lane)
    return draft.model_copy(update={"problem": draft.problem and in_our_words(draft.problem)})


class TestOut(BaseModel):
    """A test message that is on its way."""

    __test__ = False  # nothing of pytest's

    id: str  # `GET /v1/messages/{id}` tells its outcome
    to: str  # masked


async def send_test(
    request: Request,
    store: AsyncStore,
    settings: Settings,
    send_wake_up: SendWakeUp,
    caller: Token,
) -> list[TestOut]:
    """Read an upload up to the row, and send its message to some numbers."""

    def send(form: TestForm, upload: Upload, file: ArrivingFile) -> list[TestOut]:
        rows, message = begin(upload, file)
        body = message_of_row(rows.layout, message, chain(rows.first, rows.rest), form.row)
        file.read_rest()
        return send_tests(ThreadStore(store), settings, send_wake_up, caller, form.to, upload, body)

    return await _received(request, store, settings, caller, send, TestForm)


def send_tests(
    store: Store,
    settings: Settings,
    send_wake_up: SendWakeUp,
    caller: Token,
    to: Sequence[str],
    launch: Upload | Launch,
    body: dict[str, Any],
) -> list[TestOut]:
    """Send the filled message of a launch to some numbers."""
    people = [_person(one, launch.reading.region) for one in to]
    take_tests(store, caller.id, len(people))
    producer = Producer(store, settings, send_wake_up)
    sent = [
        producer.enqueue(
            addressed(one, body),
            sub_account=launch.sub_account,
            priority=Priority.URGENT,
            purpose=launch.purpose,
        ).id
        for one in people
    ]
    return [TestOut(id=id_, to=mask(one)) for id_, one in zip(sent, people, strict=True)]


def _person(text: str, region: str | None) -> str:
    try:
        return read_person(text, region)
    except BadRow as bad:
        raise unprocessable(
            f"{mask(text)} is no number: {bad.reason}", [("campaign.to", bad.reason)]
        ) from bad


async def _received(
    request: Request,
    store: AsyncStore,
    settings: Settings,
    caller: Token,
    use: Callable[[F, Upload, ArrivingFile], T],
    form_of: type[F],
) -> T:
    content_type = request.headers.get("content-type", "")
    with http_errors():
        parts = read_parts(content_type, request.stream())
        form = parse_campaign(await read_campaign(parts), form_of)
        _refuse_ours(form)
        sub_account = choose_sub_account(settings, caller, form.sub_account)
        try:
            upload = upload_of(form, settings, sub_account)
        except InputError as error:  # a time, a policy, a canary
            sentence = in_our_words(str(error))
            raise unprocessable(sentence, [("campaign", sentence)]) from error

        def load(file: ArrivingFile) -> T:
            exclusions = read_exclusions(
                ThreadStore(store), form.exclude, sub_account, upload.reading
            )
            return use(form, replace(upload, exclusions=exclusions), file)

        return await load_while_receiving(read_recipients(parts), load)


@contextmanager
def http_errors() -> Iterator[None]:
    """Turn errors of an upload, or of a request about a campaign, into an HTTPException."""
    try:
        yield
    except ValidationError as error:
        raise RequestValidationError(
            [{**one, "loc": ("body", "campaign", *one["loc"])} for one in error.errors()]
        ) from error
    except (FormError, ClientDisconnect) as error:
        raise HTTPException(CLIENT_LEFT, str(error) or "the upload was cut") from error
    except MessageError as error:
        raise _unfit("The part campaign cannot be read.", error, "campaign") from error
    except NotAgreed as error:
        sentence = in_our_words(str(error))
        raise unprocessable(sentence, [("recipients", sentence)]) from error
    except InputError as error:
        raise _unusable(error) from error
    except LaunchStopped as stopped:
        raise _stopped(stopped) from stopped
    except (StoreRefused, UploadDiffers) as error:
        raise HTTPException(409, in_our_words(str(error))) from error


def _refuse_ours(form: CampaignForm) -> None:
    try:
        refuse_ours(form.message)
    except InputError as error:
        raise unprocessable(
            "The message cannot be used.", [("campaign.message", str(error))]
        ) from error


def choose_sub_account(
    settings: Settings, caller: Token, wanted: str | None, path: str = "campaign.sub_account"
) -> str:
    """The sub-account of a request; raises HTTPException if it is ambiguous, or not the caller's."""
    if wanted is None and len(caller.sub_accounts) == 1:
        wanted = next(iter(caller.sub_accounts))
    if wanted is not None and not caller.may_use(wanted):
        raise HTTPException(403, "This token is not for that sub-account.")
    try:
        chosen = settings.sub_account_id(wanted)
    except SettingsError as error:
        raise unprocessable(
            "It is not clear which sub-account is meant.", [(path, "name one that is configured")]
        ) from error
    if not caller.may_use(chosen):
        raise HTTPException(403, "This token is not for that sub-account.")
    return chosen


def launched_out(uploaded: Uploaded, findings: Sequence[Finding]) -> LaunchedOut:
    """The answer of a launch."""
    lane = uploaded.lane
    return LaunchedOut(
        id=lane.id,
        name=lane.name,
        sub_account=lane.sub_account,
        status=lane.status,
        recipients=lane.next_index,
        duplicates=lane.duplicates,
        excluded=lane.excluded,
        invalid_rows=lane.invalid_rows,
        first_invalid_rows=invalid_rows_out(uploaded.invalid_rows),
        number_column=uploaded.layout.number_column,
        country_column=uploaded.layout.country_column,
        folded=uploaded.folded,
        resumed=uploaded.resumed,
        read_as=uploaded.sentence,
        send_at=moment_out(lane.send_at),
        zone=lane.zone or None,
        findings=[
            FindingOut(severity=one.severity.value, path=one.path, message=one.text)
            for one in findings
        ],
    )


def invalid_rows_out(rows: Sequence[InvalidRow]) -> list[InvalidRowOut]:
    """Invalid rows in the form of the response."""
    return [
        InvalidRowOut(line=one.line, number=one.number, reason=in_our_words(one.reason))
        for one in rows
    ]


def _unusable(error: InputError) -> HTTPException:
    if isinstance(error.__cause__, MessageError):
        return _unfit("The provider would refuse the message.", error.__cause__, "campaign.message")
    if isinstance(error.__cause__, UnknownColumns):
        unknown = [
            (_under("campaign.message", one.path), _no_column(one))
            for one in error.__cause__.unknown
        ]
        return unprocessable(str(error), unknown)
    sentence = in_our_words(str(error))
    if isinstance(error.__cause__, BrokenPlaceholder):
        return unprocessable(
            sentence, [(_under("campaign.message", error.__cause__.path), sentence)]
        )
    if isinstance(error.__cause__, BadPurpose):
        return unprocessable(sentence, [("campaign.purpose", error.__cause__.rule)])
    return unprocessable(sentence, [("recipients", sentence)])


def in_our_words(sentence: str) -> str:
    """Replace options of the command by members of the form in an error text."""
    for option, member in _MEMBERS.items():
        sentence = sentence.replace(option, member)
    return sentence


def _no_column(placeholder: Placeholder) -> str:
    return f"there is no column {placeholder.column}"


def _unfit(sentence: str, error: MessageError, above: str) -> HTTPException:
    return unprocessable(sentence, [(_under(above, one.path), one.rule) for one in error.problems])


def _stopped(stopped: LaunchStopped) -> HTTPException:
    found = [(_under("campaign.message", one.path), one.text) for one in stopped.findings]
    return unprocessable(
        "Nothing was launched: the provider would refuse messages; mend them, or say force.", found
    )


def _under(above: str, path: str) -> str:
    return f"{above}.{path}" if path else above

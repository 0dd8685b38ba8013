"""`POST /v1/person/…`: shows and erases the data about one person. The number is in the body, since
paths are logged."""

import asyncio
import json
import re
import secrets
import time
from typing import Annotated, Any, Final

import anyio.to_thread
from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field

from chatapps.person_names import canonical
from config.sections import SettingsError
from config.settings import Settings
from dashboard.person import Progress, forget_person, show_person
from store.access.audit import entry, masked
from store.access.tokens import Token
from store.client import AsyncStore, best_effort, command
from store.errors import StoreError
from store.keys import forgetting
from store.people.forgotten import read_noted, see_that_secret
from store.people.person import Person
from store.threads import ThreadStore

KEPT_SECONDS: Final = 7 * 86_400
SILENT_SECONDS: Final = 60.0
"""An erasure without a sign of life for so long was interrupted."""
MOST_AT_ONCE: Final = 2
_NUMBER: Final = re.compile(r"\+?[1-9][0-9]{6,14}")
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,140}")


class PersonIn(BaseModel):
    """A person."""

    model_config = ConfigDict(extra="forbid")
    person: str = Field(
        min_length=1, max_length=140, description="An international number, or the id of a user.",
        examples=["+442079460123"],
    )  # fmt: skip

    def read(self) -> Person:
        """Parse the person; raises HTTPException 422 without repeating the input."""
        text = (
            re.sub(r"[\s().-]", "", self.person)
            if self.person[:1] in "+0123456789"
            else self.person
        )
        if _NUMBER.fullmatch(text):
            return Person(canonical(text.lstrip("+").encode()).decode())
        if _ID.fullmatch(text) and not text.isdigit():
            return Person(text)
        raise HTTPException(
            422, "person: give a number with + and the country code, or a user's id."
        )


class ErasureOut(BaseModel):
    """Progress of an erasure."""

    id: str
    state: str = Field(
        description="`searching`, `rewriting` (Redis writes its files anew), `done`, `incomplete` "
        "(`problem` says what is to be done), `interrupted` (ask again)"
    )
    rounds: int
    looked_through: int
    messages: int
    erased: dict[str, int]
    not_covered: list[str]
    problem: str


class Erasures:
    """The erasures that run in this process, each in a thread."""

    def __init__(self, store: AsyncStore, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._running: set[asyncio.Task[None]] = set()

    async def start(self, person: Person) -> ErasureOut:
        """Start an erasure. Raises HTTPException."""
        if len(self._running) >= MOST_AT_ONCE:
            raise HTTPException(503, "Others are being forgotten: ask again in a minute.")
        try:
            by = (await self._store.run(read_noted()))[1]
            secret = see_that_secret(self._settings.secret_key(), by)
        except SettingsError as error:
            raise HTTPException(409, str(error)) from error
        id_ = secrets.token_hex(8)
        await self._store.run(_note(id_, Progress()))
        task = asyncio.create_task(self._erase(id_, person, secret), name="forget a person")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return _out(id_, Progress().as_json())

    async def _erase(self, id_: str, person: Person, secret: bytes) -> None:
        store, told = ThreadStore(self._store), 0.0

        def tell(now: Progress) -> None:
            nonlocal told
            if now.state in ("done", "incomplete") or time.monotonic() >= told + 1:
                told = time.monotonic()
                store.run(_note(id_, now))

        def erase() -> None:
            try:
                forget_person(store, person, self._settings.sub_accounts, secret, tell)
            except StoreError as error:
                problem = f"Redis failed ({error}): ask again"
                tell(Progress(state="incomplete", problem=problem))

        await anyio.to_thread.run_sync(erase, abandon_on_cancel=True)


def add_person(
    router: APIRouter, store: AsyncStore, settings: Settings, people: Any, manage: Any
) -> None:
    """Add the routes; `people` and `manage` are the dependencies for the caller's token."""
    erasures, here = Erasures(store, settings), ThreadStore(store)

    @router.post(
        "/person/show",
        tags=["people"],
        operation_id="show_person",
        summary="All data about one person",
    )
    def show(body: PersonIn, caller: Annotated[Token, people]) -> dict[str, Any]:
        """Data of the caller's sub-accounts. Webhook bodies are shown only to tokens for all of them."""
        person, secret = body.read(), settings.secret_key()
        here.run(entry("person.show", masked(person.who)))
        return show_person(here, person, settings.sub_accounts, secret, caller.may_use)

    @router.post(
        "/person/forget",
        tags=["people"],
        operation_id="forget_person",
        summary="Erase all data about one person",
        status_code=202,
        responses={
            403: {"description": "The token is not for all sub-accounts."},
            409: {"description": "No secret is configured, or another one than before."},
            503: {"description": "Others are being forgotten."},
        },
    )
    async def forget(body: PersonIn, caller: Annotated[Token, manage]) -> ErasureOut:
        """Takes from seconds to half a minute: poll the returned id."""
        if caller.sub_accounts:
            raise HTTPException(403, "To forget a person takes a token for all sub-accounts.")
        person = body.read()
        await store.run(entry("person.forget", masked(person.who)))
        return await erasures.start(person)

    @router.get(
        "/person/forget/{erasure}",
        tags=["people"],
        operation_id="show_erasure",
        summary="Progress of an erasure",
        responses={404: {"description": "There is no such erasure, or it ended a week ago."}},
    )
    async def show_erasure(
        erasure: Annotated[str, Path(pattern="^[0-9a-f]{16}$")],
        caller: Annotated[Token, manage],
    ) -> ErasureOut:
        raw = await store.run(command("GET", forgetting(erasure), parse=lambda reply: reply))
        if raw is None or caller.sub_accounts:
            raise HTTPException(404, "There is no such erasure.")
        found = json.loads(raw)
        heard_at = found.pop("heard_at")
        if found["state"] in ("searching", "rewriting") and time.time() > heard_at + SILENT_SECONDS:
            found["state"] = "interrupted"
        return _out(erasure, found)


def _note(id_: str, progress: Progress) -> Any:
    kept = json.dumps({**progress.as_json(), "heard_at": time.time()})
    return best_effort("SET", forgetting(id_), kept, "EX", KEPT_SECONDS, parse=lambda _: None)


def _out(id_: str, found: dict[str, Any]) -> ErasureOut:
    return ErasureOut(id=id_, **found)

"""`/v1/suppressions`: people who must not be written to. Numbers are in bodies: paths are logged."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from config.sections import SubAccountId
from config.settings import Settings
from dashboard.explain import iso
from producer.errors import BadRow
from producer.files.people_list import read_person
from sendmany.api.errors import UNFIT, PathProblem, unprocessable
from sendmany.api.pagination import ALL_NEEDED, NO_SUB_ACCOUNT, Limit, sub_account_or_all
from store.access.audit import about_people, audited
from store.access.tokens import Token
from store.client import Store
from store.keys import PEOPLE_SHARDS
from store.people.forgotten import release_people
from store.people.service_windows import window_end
from store.people.suppressions import (
    EVERYTHING,
    EVERYWHERE,
    Purposes,
    Suppression,
    Why,
    opt_out,
    read_suppression,
    scan_suppressions,
)
from store.purposes import Purpose
from store.records.job_section import international

_Person = Annotated[str, StringConstraints(min_length=1, max_length=140)]
_Region = Annotated[str | None, Field(pattern="^[A-Za-z]{2}$", description="Of numbers without +.")]
_Whose = Annotated[SubAccountId | None, Field(description="null: every sub-account.")]
MOST_PEOPLE: Final = 500
MOST_LIST_BYTES: Final = 128 * 1024
"""A body with so many people, each as long as may be, and no more."""
_SOURCES: Final = {"operator": Why.OPERATOR, "import": Why.IMPORT}
_REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    403: {"description": ALL_NEEDED},
    404: {"description": NO_SUB_ACCOUNT},
}


class PeopleIn(BaseModel):
    """People of one scope."""

    model_config = ConfigDict(extra="forbid")
    people: Annotated[list[_Person], Field(min_length=1, max_length=MOST_PEOPLE)] = Field(
        description="International numbers, or ids of users.", examples=[["+442079460123"]]
    )
    sub_account: _Whose = None
    region: _Region = None
    skip_invalid: bool = Field(False, description="Report invalid ones, and take the others.")


class SuppressIn(PeopleIn):
    """People who are to get no more messages."""

    purposes: list[Purpose | Literal["all"]] = Field(
        [],
        max_length=8,
        description="Default: marketing, and everything for those whose last message was not marketing.",
    )
    source: Literal["operator", "import"] = Field("operator", description="Shown as the reason.")


class CheckIn(BaseModel):
    """One person."""

    model_config = ConfigDict(extra="forbid")
    person: _Person = Field(examples=["+442079460123"])
    sub_account: SubAccountId
    region: _Region = None


class SuppressionOut(BaseModel):
    """Why a person must not be written to."""

    scope: str = Field(description="A sub-account, or `*` for every one.")
    since: str | None
    reason: str = Field(description="`operator`, `import`, `reply` or `receipt`")
    purposes: str = Field(description="`all`, or some separated by commas")


class SuppressedPerson(SuppressionOut):
    """A person who must not be written to."""

    number: str  # or the id of a user


class SuppressionsPage(BaseModel):
    """A page of suppressed people, unordered."""

    items: list[SuppressedPerson]
    next: str | None  # cursor of the next page; null on the last one


class SuppressedOut(BaseModel):
    """People who were suppressed."""

    scope: str
    new: int
    known: int
    invalid: list[PathProblem]


class ReleasedOut(BaseModel):
    """People who were released."""

    scope: str
    released: int
    not_suppressed: int
    invalid: list[PathProblem]


class CheckOut(BaseModel):
    """Whether a person may be written to."""

    sub_account: str
    suppressed: list[SuppressionOut]
    window_until: str | None  # until then also without a template


def add_suppressions(
    router: APIRouter, store: Store, settings: Settings, people: Any, manage: Any
) -> None:
    """Add the routes; the dependencies give the caller's token."""

    @router.get(
        "/suppressions",
        tags=["people"],
        operation_id="list_suppressions",
        summary="Suppressed people of a sub-account, or of the list for all",
        responses=_REFUSED,
    )
    def list_suppressions(
        caller: Annotated[Token, people],
        sub_account: Annotated[SubAccountId | None, Query()] = None,
        cursor: Annotated[
            str | None,
            Query(pattern=rf"^[0-{PEOPLE_SHARDS - 1}]\.[0-9]{{1,19}}$", description="`next`"),
        ] = None,
        limit: Limit = 50,
    ) -> SuppressionsPage:
        """A page ends after `limit` people or a few hundred more, as Redis stores them. Who is added or
        removed meanwhile may be missing or come twice."""
        scope = sub_account_or_all(settings, caller, sub_account) or EVERYWHERE
        shard, place = map(int, (cursor or "0.0").split("."))
        found: list[Suppression] = []
        while shard < PEOPLE_SHARDS and len(found) < limit:
            place, some = store.run(scan_suppressions(scope, shard, place, limit))
            found += some
            shard += not place
        return SuppressionsPage(
            items=[SuppressedPerson(number=international(one.who), **_out(one)) for one in found],
            next=f"{shard}.{place}" if shard < PEOPLE_SHARDS else None,
        )

    @router.post(
        "/suppressions",
        tags=["people"],
        operation_id="suppress_people",
        summary="Suppress people, from the next batch on",
        responses=_REFUSED,
    )
    def suppress_people(word: SuppressIn, caller: Annotated[Token, manage]) -> SuppressedOut:
        """Repeating it changes nothing."""
        scope, who, invalid = _read(settings, caller, word)
        if not who:
            return SuppressedOut(scope=scope, new=0, known=0, invalid=invalid)
        changes = [(one, None) for one in who]
        asked = list(settings.sub_accounts) if scope == EVERYWHERE else [scope]
        call = opt_out(scope, changes, _SOURCES[word.source], _chosen(word.purposes), asked=asked)
        act = "suppress.import" if word.source == "import" else "suppress.add"
        done = store.run(audited(call, act, about_people(who, scope)))
        return SuppressedOut(scope=scope, new=done.new, known=done.known, invalid=invalid)

    @router.post(
        "/suppressions/remove",
        tags=["people"],
        operation_id="release_people",
        summary="Release people from suppression; make sure that they consent",
        responses=_REFUSED,
    )
    def remove(word: PeopleIn, caller: Annotated[Token, manage]) -> ReleasedOut:
        scope, who, invalid = _read(settings, caller, word)
        if not who:
            return ReleasedOut(scope=scope, released=0, not_suppressed=0, invalid=invalid)
        done = store.run(release_people(settings.secret_key(), scope, who))
        return ReleasedOut(
            scope=scope, released=done.released, not_suppressed=done.none, invalid=invalid
        )

    @router.post(
        "/suppressions/check",
        tags=["people"],
        operation_id="check_suppression",
        summary="Whether a person may be written to, and until when without a template",
        responses={404: _REFUSED[404]},
    )
    def check(word: CheckIn, caller: Annotated[Token, people]) -> CheckOut:
        name = sub_account_or_all(settings, caller, word.sub_account)
        (who,), _ = _people(settings, [word.person], word.region, skip=False)
        found = [store.run(read_suppression(scope, who)) for scope in (EVERYWHERE, name)]
        return CheckOut(
            sub_account=name,
            suppressed=[SuppressionOut(**_out(one)) for one in found if one],
            window_until=iso(store.run(window_end(name, who)) / 1000),
        )


def _read(
    settings: Settings, caller: Token, word: PeopleIn
) -> tuple[str, list[str], list[PathProblem]]:
    scope = sub_account_or_all(settings, caller, word.sub_account) or EVERYWHERE
    return scope, *_people(settings, word.people, word.region, skip=word.skip_invalid)


def _people(
    settings: Settings, given: list[str], region: str | None, *, skip: bool
) -> tuple[list[str], list[PathProblem]]:
    """The people, and those that cannot be read; without `skip` these raise HTTPException 422."""
    found: dict[str, None] = {}
    invalid = []
    for n, text in enumerate(given):
        try:
            found[read_person(text, (region and region.upper()) or settings.default_region)] = None
        except BadRow as bad:
            invalid.append(PathProblem(path=f"people.{n}", message=bad.reason))
    if invalid and not skip:
        raise unprocessable(UNFIT, ((one.path, one.message) for one in invalid))
    return list(found), invalid


def _chosen(named: list[Purpose | Literal["all"]]) -> Purposes | None:
    if not named:
        return None
    return EVERYTHING if "all" in named else frozenset(Purpose(one) for one in named)


def _out(one: Suppression) -> dict[str, str | None]:
    since = iso(one.since / 1000)
    return {"scope": one.scope, "since": since, "reason": one.reason, "purposes": one.stopped}

"""`/v1/templates`: the WhatsApp templates of a sub-account's number, as the provider has them."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, HTTPException, Path, Query
from pydantic import BaseModel

from chatapps.management import (
    CallRefused,
    NotFound,
    ProviderError,
    TemplateNameBlocked,
    TooFast,
)
from chatapps.management.from_settings import ask, has_templates, template_account
from chatapps.messages import MessageError
from chatapps.templates import advice, read_template
from config.sections import SettingsError, SubAccountId
from config.settings import Settings
from sendmany.api.errors import PathProblem, unprocessable
from sendmany.api.uploads.launch import choose_sub_account
from store.access.audit import entry
from store.access.places import Places
from store.access.tokens import Needs, Scope, Token
from store.client import Store

MOST_CALLS: Final = 8
"""Calls to the provider at a time; each holds a thread until `http.deadline`."""
AGAIN_SECONDS: Final = 2
"""Retry-After when the provider is called too often and names no time."""
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    409: {
        "description": "The sub-account has no account_id and channel_id, or the name is blocked"
    },
    502: {"description": "The provider gives no usable answer, or refuses the key"},
}
Whose = Annotated[
    SubAccountId | None, Query(description="Default: the only one, or the settings'.")
]


class TemplatesOut(BaseModel):
    """All templates of a sub-account's number."""

    sub_account: str
    configured: bool  # False: account_id and channel_id are missing, so nothing is known
    items: list[dict[str, Any]]  # as the provider lists them


class TemplateAdded(BaseModel):
    """A template that was checked, and submitted for review unless it was a dry run."""

    template: dict[str, Any] | None  # as the provider takes it; null: there are problems
    added: bool
    advice: list[str]  # what is allowed, and often rejected
    problems: list[PathProblem]  # of a dry run; otherwise they are refused with 422


class TemplateDeleted(BaseModel):
    """A template that is gone in all languages."""

    name: str
    deleted: bool


def templates_router(store: Store, settings: Settings, needs: Needs) -> APIRouter:
    """The routes: listing requires the scope `read`, changing `manage`."""
    router = APIRouter(prefix="/v1/templates", tags=["templates"], responses=_ANSWERS)
    read, manage = Depends(needs(Scope.READ)), Depends(needs(Scope.MANAGE))
    places = Places(MOST_CALLS)

    @router.get("", operation_id="list_templates", summary="List templates and their status")
    def list_templates(caller: Annotated[Token, read], sub_account: Whose = None) -> TemplatesOut:
        whose = choose_sub_account(settings, caller, sub_account, "sub_account")
        if not has_templates(settings, whose):
            return TemplatesOut(sub_account=whose, configured=False, items=[])
        with places.place_for(caller), provider_errors():
            account = template_account(settings, whose)
            found = ask(settings, account, lambda calls: calls.list_templates())
        items = [dict(one.members) for one in found]
        return TemplatesOut(sub_account=whose, configured=True, items=items)

    @router.post("", operation_id="add_template", summary="Submit a template for review")
    def add_template(
        template: Annotated[dict[str, Any], Body(description="As the provider takes it.")],
        caller: Annotated[Token, manage],
        sub_account: Whose = None,
        dry_run: Annotated[bool, Query(description="Check it; do not submit it.")] = False,
    ) -> TemplateAdded:
        """The review takes minutes to a day. A template cannot be changed afterwards, and the name of a
        deleted one is blocked for about 30 days."""
        whose = choose_sub_account(settings, caller, sub_account, "sub_account")
        try:
            draft = read_template(template)
            emitted = draft.emit()
        except MessageError as error:
            unfit = [(one.path, one.rule) for one in error.problems]
            if dry_run:
                problems = [PathProblem(path=path, message=rule) for path, rule in unfit]
                return TemplateAdded(template=None, added=False, advice=[], problems=problems)
            raise unprocessable("The provider would refuse this template.", unfit) from error
        if not dry_run:
            with places.place_for(caller), provider_errors():
                account = template_account(settings, whose)
                ask(settings, account, lambda calls: calls.add_template(draft))
            about = f"{draft.name} ({draft.language}) of {whose}"
            store.run(entry("template.add", about, after=emitted))
        hints = [str(hint) for hint in advice(draft)]
        return TemplateAdded(template=emitted, added=not dry_run, advice=hints, problems=[])

    @router.delete(
        "/{name}",
        operation_id="delete_template",
        summary="Delete a template in all its languages",
        responses={404: {"description": "The provider has no such template"}},
    )
    def delete_template(
        name: Annotated[str, Path(pattern=r"^[A-Za-z0-9_]{1,512}$")],
        caller: Annotated[Token, manage],
        sub_account: Whose = None,
    ) -> TemplateDeleted:
        """Campaigns that use it are refused from then on. Its name is blocked for about 30 days."""
        whose = choose_sub_account(settings, caller, sub_account, "sub_account")
        with places.place_for(caller), provider_errors():
            account = template_account(settings, whose)
            ask(settings, account, lambda calls: calls.delete_template(name))
        store.run(entry("template.delete", f"{name} of {whose}", before=name))
        return TemplateDeleted(name=name, deleted=True)

    return router


@contextmanager
def provider_errors() -> Iterator[None]:
    """Turn errors of the provider into an HTTPException."""
    try:
        yield
    except (SettingsError, TemplateNameBlocked) as error:
        raise HTTPException(409, str(error)) from error
    except TooFast as error:
        wait = str(ceil(error.retry_after or AGAIN_SECONDS))
        raise HTTPException(503, str(error), {"Retry-After": wait}) from error
    except NotFound as error:
        raise HTTPException(404, str(error)) from error
    except CallRefused as error:
        raise HTTPException(422, str(error)) from error
    except ProviderError as error:
        raise HTTPException(502, str(error)) from error

"""The parts of a template, buttons and cards aside (provider docs, send a template message)."""

from typing import Annotated, Literal

from pydantic import Field

from chatapps.messages.base_model import Wire
from chatapps.messages.discriminator import Kind
from chatapps.messages.template.parameters import HeaderParameter, NoParameters, TextParameter


class HeaderComponent(Wire):
    """The value of the header: a text, a medium or a place. A header has one placeholder at most."""

    type: Kind[Literal["header"]] = "header"
    parameters: Annotated[tuple[HeaderParameter, ...], Field(max_length=1)] | None = None


class BodyComponent(Wire):
    """The texts of the body, in the order of its placeholders."""

    type: Kind[Literal["body"]] = "body"
    parameters: tuple[TextParameter, ...] | None = None


class FooterComponent(Wire):
    """The footer; it has no placeholders, so that there is no need to name it."""

    type: Kind[Literal["footer"]] = "footer"
    parameters: NoParameters | None = None


class CallPermissionComponent(Wire):
    """The request to be called; it has no placeholders, so that there is no need to name it."""

    type: Kind[Literal["call_permission_request"]] = "call_permission_request"
    parameters: NoParameters | None = None


class ContactInfoComponent(Wire):
    """The request for a contact card; it has no placeholders either."""

    type: Kind[Literal["request_contact_info"]] = "request_contact_info"
    parameters: NoParameters | None = None

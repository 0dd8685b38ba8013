"""The components of a template message, except buttons and cards (provider docs, template messages)."""

from typing import Annotated, Literal

from pydantic import Field

from chatapps.messages.base_model import Wire
from chatapps.messages.discriminator import Kind
from chatapps.messages.template.parameters import HeaderParameter, NoParameters, TextParameter


class HeaderComponent(Wire):
    """The value of the header: a text, a medium or a location. A header has one placeholder at most."""

    type: Kind[Literal["header"]] = "header"
    parameters: Annotated[tuple[HeaderParameter, ...], Field(max_length=1)] | None = None


class BodyComponent(Wire):
    """The texts of the body, in the order of its placeholders."""

    type: Kind[Literal["body"]] = "body"
    parameters: tuple[TextParameter, ...] | None = None


class FooterComponent(Wire):
    """The footer; it has no placeholders, so it may be left out."""

    type: Kind[Literal["footer"]] = "footer"
    parameters: NoParameters | None = None


class CallPermissionComponent(Wire):
    """The request for call permission; it has no placeholders, so it may be left out."""

    type: Kind[Literal["call_permission_request"]] = "call_permission_request"
    parameters: NoParameters | None = None


class ContactInfoComponent(Wire):
    """The request for a contact card; it has no placeholders, so it may be left out."""

    type: Kind[Literal["request_contact_info"]] = "request_contact_info"
    parameters: NoParameters | None = None

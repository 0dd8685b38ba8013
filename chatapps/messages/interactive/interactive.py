"""Interactive messages, one class per kind (provider docs, WhatsApp interactive messages)."""

from typing import Annotated, Literal

from chatapps.messages.base_model import Wire
from chatapps.messages.discriminator import Kind, OneOf
from chatapps.messages.interactive.actions import (
    Action,
    FlowAction,
    LinkAction,
    ListAction,
    LocationRequestAction,
    ProductAction,
    ProductListAction,
    ReplyAction,
    VoiceCallAction,
)
from chatapps.messages.interactive.headers import Body, Footer, Header
from chatapps.messages.scalar_types import Says


class Framed(Wire):
    """A message between header and footer."""

    header: Header | None = None
    footer: Footer | None = None


class FramedBody(Framed):
    """A message whose body is required."""

    body: Body


class ButtonInteractive(FramedBody):
    """A message with reply buttons."""

    type: Kind[Literal["button"]] = "button"
    action: ReplyAction


class ListInteractive(FramedBody):
    """A message with a list of rows."""

    type: Kind[Literal["list"]] = "list"
    action: ListAction


class ProductInteractive(Framed):
    """A message that shows one product."""

    type: Kind[Literal["product"]] = "product"
    header: Annotated[None, Says("not allowed in a product message")] = None
    body: Body | None = None
    action: ProductAction


class ProductListInteractive(FramedBody):
    """A message that shows several products."""

    type: Kind[Literal["product_list"]] = "product_list"
    action: ProductListAction


class LinkInteractive(FramedBody):
    """A message with a button that opens a page."""

    type: Kind[Literal["cta_url"]] = "cta_url"
    action: LinkAction


class FlowInteractive(FramedBody):
    """A message with a button that opens a flow."""

    type: Kind[Literal["flow"]] = "flow"
    action: FlowAction


class CallPermissionInteractive(Framed):
    """A message that requests permission to call."""

    type: Kind[Literal["call_permission_request"]] = "call_permission_request"
    body: Body | None = None
    action: Action | None = None


class ContactInfoInteractive(Framed):
    """A message that asks for the person's contact card."""

    type: Kind[Literal["request_contact_info"]] = "request_contact_info"
    body: Body | None = None
    action: Action | None = None


class VoiceCallInteractive(FramedBody):
    """A message with a button that calls the business."""

    type: Kind[Literal["voice_call"]] = "voice_call"
    action: VoiceCallAction


class LocationRequestInteractive(Wire):
    """A message that requests the person's location."""

    type: Kind[Literal["location_request_message"]] = "location_request_message"
    header: Annotated[None, Says("not allowed in a location request")] = None
    body: Body
    footer: Annotated[None, Says("not allowed in a location request")] = None
    action: LocationRequestAction


Interactive = Annotated[
    ButtonInteractive
    | ListInteractive
    | ProductInteractive
    | ProductListInteractive
    | LinkInteractive
    | FlowInteractive
    | CallPermissionInteractive
    | ContactInfoInteractive
    | VoiceCallInteractive
    | LocationRequestInteractive,
    OneOf("type"),
]

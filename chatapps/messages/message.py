"""The message: one person's, or a campaign's before anybody is named (provider docs, message model)."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, PlainValidator, ValidationInfo, model_validator

from chatapps.messages.channels import Channel
from chatapps.messages.content import (
    AudioContent,
    Content,
    FileContent,
    ImageContent,
    InteractiveContent,
    LocationContent,
    OtherContent,
    TemplateContent,
    TextContent,
    VideoContent,
)
from chatapps.messages.kinds import Kind
from chatapps.messages.recipient import User
from chatapps.messages.values import Moment, NonEmpty, WebAddress
from chatapps.messages.wire import Wire, refuse

MessageType = Literal[
    "text",
    "image",
    "audio",
    "video",
    "file",
    "location",
    "template",
    "interactive",
    "carousel",
    "richCard",
    "buttons",  # Viber; not in the OpenAPI list
]

# A kind that is missing here passes through unchecked; a new kind is a class and a line.
CONTENTS: Final[dict[str, type[Content]]] = {
    "text": TextContent,
    "image": ImageContent,
    "audio": AudioContent,
    "video": VideoContent,
    "file": FileContent,
    "location": LocationContent,
    "template": TemplateContent,
    "interactive": InteractiveContent,
}


def _content_of_type(value: Any, info: ValidationInfo) -> Content:
    """Content does not say its own kind: the message's `type`, read before, does."""
    model = CONTENTS.get(info.data.get("type", ""), OtherContent)
    if isinstance(value, model):
        return value
    validate = model.__pydantic_validator__.validate_python
    content: Content = validate(value, by_alias=True, by_name=False)
    return content


class Context(Wire):
    """The message that this one answers (WhatsApp only)."""

    umid: NonEmpty


class MessageBody(Wire):
    """A message without its recipient: what a campaign sends to everybody."""

    type: Kind[MessageType]
    content: Annotated[Content, PlainValidator(_content_of_type)]
    channels: tuple[Channel, ...] | None = None  # in the order they are tried
    scheduled: Moment | None = None
    expiry: Moment | None = None
    dlr_callback_url: WebAddress | None = None
    context: Context | None = None

    @model_validator(mode="after")
    def _text_fits_whatsapp(self) -> Self:
        limit = self.content.whatsapp_limit
        text = getattr(self.content, "text", None) if limit else None
        if limit and text and len(text) > limit and self.may_use("WhatsApp"):
            rule = f"at most {limit} characters on WhatsApp, got {len(text)}"
            raise refuse(rule, "content", "text")
        return self

    def may_use(self, channel: str) -> bool:
        """Whether the message names this channel, or leaves the choice to the sub-account."""
        return not self.channels or any(step.channel == channel for step in self.channels)


class Message(MessageBody):
    """One person's message, as the provider's send call takes it."""

    user: User
    client_message_id: Annotated[str, Field(min_length=1, max_length=50)] | None = None

    @model_validator(mode="after")
    def _sms_has_a_number(self) -> Self:
        if self.channels and self.user.msisdn is None and self.may_use("SMS"):
            raise refuse("is required to send by SMS", "user", "msisdn")
        return self

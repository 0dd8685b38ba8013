"""The message model, with and without a recipient (provider docs, message model)."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, PlainValidator, ValidationInfo, model_validator

from chatapps.messages.base_model import Wire, refuse
from chatapps.messages.channel_rules import broken_rule
from chatapps.messages.channels import Channel
from chatapps.messages.content import (
    AudioContent,
    ButtonsContent,
    CarouselContent,
    Content,
    FileContent,
    ImageContent,
    InteractiveContent,
    LocationContent,
    RichCardContent,
    TemplateContent,
    TextContent,
    VideoContent,
)
from chatapps.messages.discriminator import Kind
from chatapps.messages.recipient import User
from chatapps.messages.scalar_types import Moment, NonEmpty, WebAddress

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

CONTENTS: Final[dict[MessageType, type[Content]]] = {
    "text": TextContent,
    "image": ImageContent,
    "audio": AudioContent,
    "video": VideoContent,
    "file": FileContent,
    "location": LocationContent,
    "template": TemplateContent,
    "interactive": InteractiveContent,
    "carousel": CarouselContent,
    "richCard": RichCardContent,
    "buttons": ButtonsContent,
}


def _content_of_type(value: Any, info: ValidationInfo) -> Content:
    """The class of content is chosen by the message's `type`, which was read before."""
    if "type" not in info.data:  # `type` was refused, so that the content cannot be checked
        return Content()
    model = CONTENTS[info.data["type"]]
    if isinstance(value, model):
        return value
    validate = model.__pydantic_validator__.validate_python
    content: Content = validate(value, by_alias=True, by_name=False)
    return content


class Context(Wire):
    """The message that this one replies to (WhatsApp only)."""

    umid: NonEmpty


class MessageBody(Wire):
    """A message without its recipient, as a campaign uses it."""

    type: Kind[MessageType]
    content: Annotated[Content, PlainValidator(_content_of_type)]
    channels: tuple[Channel, ...] | None = None  # in the order in which they are tried
    scheduled: Moment | None = None
    expiry: Moment | None = None
    dlr_callback_url: WebAddress | None = None
    context: Context | None = None

    @model_validator(mode="after")
    def _members_agree(self) -> Self:
        self._check()
        return self

    def _check(self) -> None:
        broken = broken_rule(self.content, self.channels or ())
        if broken:
            raise refuse(broken.rule, *broken.path)
        if self.context and not self.may_use("WhatsApp"):
            raise refuse("needs WhatsApp, the only channel that quotes", "context")
        if self.scheduled and self.expiry and self.expiry <= self.scheduled:
            raise refuse("must be later than scheduled", "expiry")

    def may_use(self, channel: str) -> bool:
        """True when the message names this channel, or no channel at all."""
        return not self.channels or any(step.channel == channel for step in self.channels)


class Message(MessageBody):
    """A message for one person, as the provider's send call takes it."""

    user: User
    client_message_id: Annotated[str, Field(min_length=1, max_length=50)] | None = None

    def _check(self) -> None:
        super()._check()
        for step in self.channels or ():
            needed = self.user.missing_for(step.channel)
            if needed:
                raise refuse(f"is required to send by {step.channel}", "user", needed)

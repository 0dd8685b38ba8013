"""Messages of the Chat Apps API: read tolerantly, checked against its limits, emitted strictly.

message = read_message(b'{"user": …, "type": "Text", "content": {"text": "Hello"}}')
message.content       # TextContent(text="Hello")
message.emit_json()   # b'{"type":"text", …}'
"""

from chatapps.messages.batch import MAX_MESSAGES, BatchRequest
from chatapps.messages.channels import Channel, Sms
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
from chatapps.messages.message import Context, Message, MessageBody
from chatapps.messages.parse import read_batch, read_message, read_message_body
from chatapps.messages.problems import MessageError, Problem
from chatapps.messages.recipient import User
from chatapps.messages.template.authentication import authentication_template, check_authentication
from chatapps.messages.template.template import Template
from chatapps.messages.template.ttl import check_fallback_ttl

__all__ = [
    "MAX_MESSAGES",
    "AudioContent",
    "BatchRequest",
    "ButtonsContent",
    "CarouselContent",
    "Channel",
    "Content",
    "Context",
    "FileContent",
    "ImageContent",
    "InteractiveContent",
    "LocationContent",
    "Message",
    "MessageBody",
    "MessageError",
    "Problem",
    "RichCardContent",
    "Sms",
    "Template",
    "TemplateContent",
    "TextContent",
    "User",
    "VideoContent",
    "authentication_template",
    "check_authentication",
    "check_fallback_ttl",
    "read_batch",
    "read_message",
    "read_message_body",
]

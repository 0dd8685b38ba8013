"""Structural checks of one message, as the provider makes them synchronously.

Each check returns the provider's error code, or 0. They check structure only: registered templates and
recipients are unknown here, so that a message may pass and still be refused by the real provider. Words
are compared without regard to case, as in the provider's own samples. Codes: provider docs, list of API
error codes.
"""

import re
from collections.abc import Callable
from datetime import datetime

from chatapps.sandbox.wire import Channel, Component, Content, Message, Parameter, Template, User

CLIENT_MESSAGE_ID_LIMIT = 50
_TEXT_LIMIT = 35_000
_TEMPLATE_NAME_LIMIT = 512

_INTERNATIONAL = re.compile(r"\+?[1-9][0-9]{5,14}")
_NATIONAL = re.compile(r"[0-9]{4,15}")
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_CHANNEL_USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")
_WEB_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)

_CHANNELS = frozenset(
    [
        *("sms", "whatsapp", "facebook", "rcs", "viber", "line", "wechat", "zalo", "instagram"),
        "zalonotification",
    ]
)
_COMPONENTS = frozenset(
    [
        *("header", "footer", "body", "button", "carousel"),
        *("call_permission_request", "request_contact_info"),
    ]
)
_BUTTONS = frozenset(["quickreply", "url", "copycode", "flow", "voicecall"])
_ENCODINGS = frozenset(["auto", "gsm7", "ucs2"])
_SUCCESS = frozenset(["accepted", "sent", "delivered", "read"])
_PARAMETER_MEMBER = {
    "text": "text",
    "image": "url",
    "video": "url",
    "document": "url",
    "gif": "url",
    "location": "location",
    "payload": "payload",
    "couponcode": "coupon_code",
    "action": "",
    "ttlminutes": "",
}


class Checker:
    """Checks the messages of one request against their shared defaults.

    A member that a message lacks is taken whole from the defaults. Members that come from the defaults
    alone are checked once for the request, not once per message.
    """

    def __init__(self, defaults: Message | None = None) -> None:
        self._defaults = defaults or Message()
        self._shared = payload_flaw(self._defaults)

    def flaw(self, message: Message) -> int:
        """The code that refuses this message, or 0."""
        code = user_flaw(message.user)
        if code:
            return code
        client_message_id = message.client_message_id
        if client_message_id is not None and len(client_message_id) > CLIENT_MESSAGE_ID_LIMIT:
            return 3009
        if message.scheduled or message.expiry or message.context:
            code = _own_flaw(message)
        return code or self._payload_flaw(message)

    def template(self, message: Message) -> Template | None:
        """The WhatsApp template that this message uses, its own or the shared one."""
        content = message.content or self._defaults.content
        return content.template if content else None

    def _payload_flaw(self, message: Message) -> int:
        if (
            message.type is None
            and message.content is None
            and message.channels is None
            and message.dlr_callback_url is None
        ):
            return self._shared
        return payload_flaw(self._merge(message))

    def _merge(self, message: Message) -> Message:
        defaults = self._defaults
        return Message(
            type=message.type or defaults.type,
            content=message.content or defaults.content,
            channels=defaults.channels if message.channels is None else message.channels,
            dlr_callback_url=message.dlr_callback_url or defaults.dlr_callback_url,
        )


def user_flaw(user: User | None) -> int:
    if user is None:
        return 3001
    msisdn = user.msisdn
    if not msisdn:
        return _id_flaw(user)
    if user.country is None:
        return 0 if _INTERNATIONAL.fullmatch(msisdn) else 1002
    if not _COUNTRY.fullmatch(user.country):
        return 3018
    return 0 if _INTERNATIONAL.fullmatch(msisdn) or _NATIONAL.fullmatch(msisdn) else 1002


def _id_flaw(user: User) -> int:
    if user.channel_user_id:
        return 0 if _CHANNEL_USER_ID.fullmatch(user.channel_user_id) else 3047
    return 0 if user.line_user_id else 3002


def _own_flaw(message: Message) -> int:
    """Checks the members that cannot be shared: times and the message replied to."""
    if message.scheduled and not _is_moment(message.scheduled):
        return 1011
    if message.expiry and not _is_moment(message.expiry):
        return 1006
    return 3029 if message.context and not message.context.umid else 0


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def payload_flaw(message: Message) -> int:
    """The code for a wrong type, content, channels or receipt address, or 0."""
    check = _CONTENT_CHECKS.get((message.type or "").lower())
    if check is None:
        return 3010
    content = message.content
    if content is None:
        return 3004
    return (
        check(content)
        or _fallback_flaw(content)
        or next(filter(None, map(_channel_flaw, message.channels or ())), 0)
        or (3020 if message.dlr_callback_url and not _is_web(message.dlr_callback_url) else 0)
    )


def _text_flaw(content: Content) -> int:
    if not content.text:
        return 3005
    return 3006 if len(content.text) > _TEXT_LIMIT else 0


def _media_flaw(content: Content) -> int:
    if not content.url:
        return 3007
    return 0 if _is_web(content.url) else 3008


def _location_flaw(content: Content) -> int:
    place = content.location
    return 3021 if place is None or None in (place.latitude, place.longitude) else 0


def _template_flaw(content: Content) -> int:
    template = content.template
    if template is None:
        return 3030
    return _template_name_flaw(template) or next(
        filter(None, map(_component_flaw, template.components or ())), 0
    )


def _template_name_flaw(template: Template) -> int:
    if not template.name or len(template.name) > _TEMPLATE_NAME_LIMIT:
        return 3031
    return 0 if template.language else 3036


def _component_flaw(component: Component) -> int:
    kind = (component.type or "body").lower()
    if kind not in _COMPONENTS:
        return 3039
    if kind == "button":
        if not _is_button(component.sub_type):
            return 3052
        if component.index is not None and not _is_index(component.index):
            return 3053
    return next(filter(None, map(_parameter_flaw, component.parameters or ())), 0)


def _is_button(sub_type: str | int | None) -> bool:
    return sub_type == 1 or (isinstance(sub_type, str) and sub_type.lower() in _BUTTONS)


def _is_index(index: int | str) -> bool:
    return str(index) in "0123456789" and str(index) != ""


def _parameter_flaw(parameter: Parameter) -> int:
    member = _PARAMETER_MEMBER.get((parameter.type or "").lower())
    if member is None:
        return 3042
    value = getattr(parameter, member) if member else True
    if value is None:
        return 3041
    return 3040 if value == "" else 0


def _fallback_flaw(content: Content) -> int:
    if content.fallback_text and len(content.fallback_text) > _TEXT_LIMIT:
        return 3017
    sms = content.sms
    if sms is None:
        return 0
    if sms.encoding and sms.encoding.lower() not in _ENCODINGS:
        return 1003
    return 3011 if sms.source and len(sms.source) > 16 else 0


def _channel_flaw(channel: Channel) -> int:
    if (channel.channel or "").lower() not in _CHANNELS:
        return 3022
    if channel.fallback_after is not None and not 10 <= channel.fallback_after <= 86_400:
        return 3023
    if channel.success_status is not None and channel.success_status.lower() not in _SUCCESS:
        return 3024
    return 0


def _is_web(address: str) -> bool:
    return _WEB_ADDRESS.fullmatch(address) is not None


def _must_hold(member: str) -> Callable[[Content], int]:
    return lambda content: 0 if getattr(content, member) is not None else 3004


_CONTENT_CHECKS: dict[str, Callable[[Content], int]] = {
    "text": _text_flaw,
    "image": _media_flaw,
    "audio": _media_flaw,
    "video": _media_flaw,
    "file": _media_flaw,
    "location": _location_flaw,
    "template": _template_flaw,
    "interactive": _must_hold("interactive"),
    "carousel": _must_hold("carousel"),
    "richcard": _must_hold("rich_card"),
    "buttons": lambda content: 0,  # Viber's own, in samples but in no schema
}

"""Compares the buttons of a template message with the registered ones (provider docs, template
buttons)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from chatapps.preflight.findings import Finding, error
from chatapps.templates.placeholders import count_placeholders
from chatapps.templates.registered import RegisteredButton


@dataclass(frozen=True, slots=True)
class Given:
    """A component of the message and its path; accepts the spellings of the provider's examples."""

    path: str
    members: Mapping[str, Any]

    def get(self, name: str) -> Any:
        return self.members.get(name)

    @property
    def kind(self) -> str:
        return str(self.get("type") or "body").casefold()

    @property
    def sub_type(self) -> str:
        """In lower case; the provider's example of a one-time code writes 1 for a link."""
        value = str(self.get("subType")).casefold()
        return "url" if value == "1" else value

    @property
    def parameters(self) -> list[Mapping[str, Any]]:
        value = self.get("parameters")
        listed = isinstance(value, Sequence) and not isinstance(value, str)
        return [one for one in value if isinstance(one, Mapping)] if listed else []

    @property
    def types(self) -> list[str]:
        return [str(one.get("type")).casefold() for one in self.parameters]

    def number(self, name: str) -> int | None:
        """A whole number, possibly written as text; 0 when absent."""
        value = str(self.get(name) if self.get(name) is not None else 0)
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 9 else None


class _Slot(NamedTuple):
    """The value that a kind of registered button takes."""

    sub_type: str  # as the provider spells it
    parameter: str  # its type; empty: several types are possible
    noun: str
    needs: str = ""  # required value in words; empty: the value is optional


_LINK: Final = _Slot("Url", "text", "a link", "the end of its link")
_SLOTS: Final = {
    "URL": _LINK,
    "OTP": _LINK._replace(noun="the button for the code", needs="the code once more"),
    "COPY_CODE": _Slot("CopyCode", "couponCode", "a coupon code", "the coupon code"),
    "FLOW": _Slot("Flow", "action", "a form", "an action parameter"),
    "QUICK_REPLY": _Slot("QuickReply", "payload", "a quick reply"),
    "VOICE_CALL": _Slot("VoiceCall", "", "a call button"),
}
_STATIC: Final = {"URL": "a fixed link", "PHONE_NUMBER": "a phone number"}
_NOUNS: Final = {slot.sub_type.casefold(): slot.noun for slot in _SLOTS.values()} | {
    "url": "a link"
}


def button_misfits(
    given: Sequence[Given], buttons: Sequence[RegisteredButton], root: str
) -> Iterator[Finding]:
    """Misfits between the message's buttons and the registered ones, missing values included."""
    for one in given:
        yield from _misfit(one, buttons)
    filled = {one.number("index") for one in given}
    for index, button in enumerate(buttons):
        slot = _slot(button)
        if slot and slot.needs and index not in filled:
            yield error(
                root,
                f"Button {index} {_label(button)} needs {slot.needs}: add a button component with "
                f"subType {slot.sub_type} and index {index}. {_COUNTING}",
            )


_COUNTING: Final = "(Positions count from 0 over all buttons, fixed ones too.)"


def _misfit(one: Given, buttons: Sequence[RegisteredButton]) -> Iterator[Finding]:
    index = one.number("index")
    if index is None:
        return  # depends on the recipient
    path = f"{one.path}.index"
    if not buttons:
        yield error(one.path, "The template has no buttons that could be filled.")
    elif index >= len(buttons):
        last = len(buttons) - 1
        places = "button 0 only" if last == 0 else f"buttons 0 to {last}"
        text = f"The template has {places}, but the message fills button {index}."
        yield error(path, f"{text}{_where(one, buttons)} {_COUNTING}")
    elif (slot := _slot(buttons[index])) is None:
        what = _STATIC.get(buttons[index].type, "a fixed button")
        text = f"Button {index} {_label(buttons[index])} is {what} and takes no value."
        yield error(path, text + _where(one, buttons))
    elif slot.sub_type.casefold() != one.sub_type:
        meant = _NOUNS.get(one.sub_type, "something else")
        text = f"Button {index} {_label(buttons[index])} is {slot.noun}; the message fills {meant}."
        yield error(path, f"{text}{_where(one, buttons)} {_COUNTING}")
    else:
        yield from _parameter_misfit(one, slot, f"Button {index} {_label(buttons[index])}")
        yield from _screen_misfit(one, buttons[index], index)


def _parameter_misfit(one: Given, slot: _Slot, name: str) -> Iterator[Finding]:
    if slot.parameter and one.types != [slot.parameter.casefold()]:
        have = ", ".join(one.types) or "none"
        text = f"{name} takes one parameter of type {slot.parameter}; the message brings {have}."
        yield error(f"{one.path}.parameters", text)


def _screen_misfit(one: Given, button: RegisteredButton, index: int) -> Iterator[Finding]:
    """A flow that asks a server for its data (`data_exchange`) takes no first screen."""
    if str(button.members.get("flowAction")).casefold() != "data_exchange":
        return
    for place, parameter in enumerate(one.parameters):
        data = parameter.get("flowActionData")
        if isinstance(data, Mapping) and data.get("screen") is not None:
            yield error(
                f"{one.path}.parameters[{place}].flowActionData.screen",
                f"Button {index} {_label(button)} has the flowAction data_exchange, which takes no "
                "screen: leave it out.",
            )


def _slot(button: RegisteredButton) -> _Slot | None:
    """The value that a button takes; None when it takes none."""
    if button.type == "URL" and not count_placeholders(button.url):
        return None
    return _SLOTS.get(button.type)


def _where(one: Given, buttons: Sequence[RegisteredButton]) -> str:
    """The position of the registered button that was meant, if there is one."""
    for index, button in enumerate(buttons):
        slot = _slot(button)
        if slot and slot.sub_type.casefold() == one.sub_type:
            return f" {slot.noun.capitalize()} is button {index} {_label(button)}."
    return ""


def _label(button: RegisteredButton) -> str:
    return f'"{button.text}"' if button.text else f"({button.type})"

"""One-time codes: messages for WhatsApp templates of the category AUTHENTICATION.

A message does not say of which category its template is. One that repeats a value in body and link looks
like an authentication message, but may as well carry a tracking number. So callers that know the
category apply these rules (provider docs, buttons).
"""

from typing import Final

from chatapps.messages.content import TemplateContent
from chatapps.messages.message import Message
from chatapps.messages.problems import MessageError, Problem
from chatapps.messages.template.buttons import UrlButton
from chatapps.messages.template.components import BodyComponent
from chatapps.messages.template.parameters import TextParameter
from chatapps.messages.template.template import Template

MAX_CODE: Final = 15  # characters

_COMPONENTS: Final = "content.template.components"


def authentication_template(name: str, language: str, code: str) -> Template:
    """A template message with the code in its body and in its button.

    Raises:
        MessageError: the code is empty or longer than 15 characters.
    """
    if not 0 < len(code) <= MAX_CODE:
        raise MessageError(Problem("code", f"1 to {MAX_CODE} characters, got {len(code)}"))
    values = (TextParameter(text=code),)
    return Template(
        name=name,
        language=language,
        components=(BodyComponent(parameters=values), UrlButton(index=0, parameters=values)),
    )


def check_authentication(message: Message) -> None:
    """Check a message that is known to use an authentication template.

    Raises:
        MessageError: it has no number, or body and button do not hold the same short code.
    """
    problems = list(_authentication_problems(message))
    if problems:
        raise MessageError(*problems)


def _authentication_problems(message: Message) -> list[Problem]:
    problems = []
    if message.user.msisdn is None:
        problems.append(Problem("user.msisdn", "is required for an authentication template"))
    codes = _codes(message)
    if len(codes) != 2 or codes[0] != codes[1]:
        problems.append(Problem(_COMPONENTS, "must hold the same code in body and Url button 0"))
    elif len(codes[0]) > MAX_CODE:
        rule = f"a code of at most {MAX_CODE} characters, got {len(codes[0])}"
        problems.append(Problem(_COMPONENTS, rule))
    return problems


def _codes(message: Message) -> list[str]:
    """The texts in the body and in button 0; two in a valid message."""
    if not isinstance(message.content, TemplateContent):
        return []
    places = [
        part
        for part in message.content.template.components or ()
        if isinstance(part, BodyComponent) or (isinstance(part, UrlButton) and part.index == 0)
    ]
    return [parameter.text for part in places for parameter in part.parameters or ()]

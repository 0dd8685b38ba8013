"""Compares a message with the templates of the sending number (provider docs: templates, template
messages, WhatsApp rules).

A message without template reaches only people inside a service window; that is a warning.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from chatapps.messages.message import MessageBody
from chatapps.preflight.components import misfits
from chatapps.preflight.findings import Finding, Severity, error, warning
from chatapps.rendering.placeholders import find_placeholders
from chatapps.templates.registered import RegisteredTemplate

_TEMPLATE: Final = "content.template"
_FREE_FORM: Final = frozenset(
    {"text", "image", "audio", "video", "file", "location", "interactive"}
)
_STATUS_WORDS: Final = {
    "PENDING": "still in review, which takes minutes to a day: launch when it is APPROVED",
    "IN_APPEAL": "in appeal after a refusal: launch when it is APPROVED",
    "REJECTED": "refused in review: change the text and register it under a new name",
    "PAUSED": "paused by WhatsApp because people reported it: wait some hours, or change the text",
    "DISABLED": "switched off by WhatsApp for good: register a better one under a new name",
    "FLAGGED": "about to be switched off because people reported it: change the text first",
    "PENDING_DELETION": "being deleted: register another one under a new name",
    "DELETED": "deleted: register another one under a new name",
    "LIMIT_EXCEEDED": "not registered, the account has too many templates: delete some first",
    "ARCHIVED": "archived: take it out of the archive first",
}


def compare(
    message: MessageBody | Mapping[str, Any], registered: Sequence[RegisteredTemplate]
) -> list[Finding]:
    """Findings about this message, worst first; empty when it fits.

    Args:
        message: without recipient; its values may hold `{{column}}` placeholders. A mapping must have
            passed the checks of `chatapps.messages`.
        registered: the templates of the WhatsApp number that sends it.
    """
    body = message.emit() if isinstance(message, MessageBody) else message
    if not _goes_by_whatsapp(body):
        return []
    kind = str(body.get("type", "")).casefold()
    if kind == "template":
        found = list(_of_template(body, registered))
        return sorted(found, key=lambda finding: finding.severity is not Severity.ERROR)
    return list(_of_free_form(kind, body))


def find_template(
    message: MessageBody | Mapping[str, Any], registered: Sequence[RegisteredTemplate]
) -> RegisteredTemplate | None:
    """The registered template that this message names, in its language, or None."""
    body = message.emit() if isinstance(message, MessageBody) else message
    template = _template(body)
    if template is None or not _goes_by_whatsapp(body):
        return None
    found = _find(str(template.get("name", "")), str(template.get("language", "")), registered)
    return None if isinstance(found, Finding) else found


def _template(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    content = body.get("content")
    template = content.get("template") if isinstance(content, Mapping) else None
    return template if isinstance(template, Mapping) else None


def _goes_by_whatsapp(body: Mapping[str, Any]) -> bool:
    """True when the message names WhatsApp among its channels, or no channel at all."""
    steps = body.get("channels")
    if not isinstance(steps, Sequence) or not steps:
        return True
    names = [step.get("channel") for step in steps if isinstance(step, Mapping)]
    return any(str(name).casefold() == "whatsapp" for name in names)


def _of_free_form(kind: str, body: Mapping[str, Any]) -> Iterator[Finding]:
    content = body.get("content")
    if kind not in _FREE_FORM or (isinstance(content, Mapping) and "whatsApp" in content):
        return  # direct send has rules of its own
    words = (
        "On WhatsApp this reaches only people who wrote to you in the last 24 hours; the others "
        "need a template."
    )
    if kind == "text":
        words += " (A text that repeats a registered template word by word is sent as that.)"
    yield warning("type", words)


def _of_template(
    body: Mapping[str, Any], registered: Sequence[RegisteredTemplate]
) -> Iterator[Finding]:
    template = _template(body)
    if template is None:
        yield error(_TEMPLATE, "The message names no template.")
        return
    name, language = str(template.get("name", "")), str(template.get("language", ""))
    if any(find_placeholders([name, language])):
        words = (
            "Which template is sent depends on the recipient, so it was not compared with yours."
        )
        yield warning(_TEMPLATE, words)
        return
    found = _find(name, language, registered)
    if isinstance(found, Finding):
        yield found
        return
    yield from _of_status(found)
    yield from misfits(template, found)


def _find(
    name: str, language: str, registered: Sequence[RegisteredTemplate]
) -> RegisteredTemplate | Finding:
    same_name = [template for template in registered if template.name == name]
    if not same_name:
        return error(f"{_TEMPLATE}.name", _unknown_name(name, registered))
    exact = [template for template in same_name if template.language == language]
    if not exact:
        return error(f"{_TEMPLATE}.language", _unknown_language(name, language, same_name))
    # When a name is listed twice in a language, take the one that can be sent.
    return next((template for template in exact if template.approved), exact[0])


def _unknown_name(name: str, registered: Sequence[RegisteredTemplate]) -> str:
    words = f'There is no template "{name}" on this WhatsApp number.'
    names = {template.name.casefold(): template.name for template in registered}
    near = get_close_matches(name.casefold(), names, n=1)
    return f'{words} Did you mean "{names[near[0]]}"?' if near else words


def _unknown_language(name: str, language: str, same_name: Sequence[RegisteredTemplate]) -> str:
    languages = sorted({template.language for template in same_name})
    near = [each for each in languages if _root(each) == _root(language)]
    if near:
        are = "is" if len(near) == 1 else "are"
        return (
            f'"{name}": {_listed(near)} {are} registered, you wrote {language}; '
            "the language must be exactly the same."
        )
    return f'"{name}" is not registered in {language}; it is in {_listed(languages)}.'


def _root(language: str) -> str:
    return language.replace("-", "_").partition("_")[0].casefold()


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _of_status(template: RegisteredTemplate) -> Iterator[Finding]:
    if template.approved:
        return
    status = template.status or "without a status"
    words = _STATUS_WORDS.get(template.status, f"{status}; only APPROVED ones can be sent")
    prefix = f"{status}: " if template.status in _STATUS_WORDS else ""
    text = f'The template "{template.name}" ({template.language}) is {prefix}{words}.'
    yield error(f"{_TEMPLATE}.name", text)

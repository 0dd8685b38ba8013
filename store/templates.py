"""The registry of templates: the category of each one, as last listed by the provider; and their
quality, as last told by its events.

One JSON value per sub-account, written as a whole by the worker whose turn it is, and kept until the
next listing. It is empty if account or channel of a sub-account are not configured.
"""

import json
from collections.abc import Mapping
from typing import Any

from store.client import Call, best_effort, command, text
from store.keys import template_quality, templates, templates_asked
from store.purposes import Purpose

CHANGED = "template.changed"
"""Type of the event of a changed template."""
Registry = Mapping[str, Purpose]
"""Template, as named by `template_name` → its category."""


def template_name(name: str, language: str) -> str:
    """Key of a template in one language."""
    return f"{name}:{language}"


def take_turn(sub_account: str, seconds: float) -> Call[bool]:
    """True when the caller is to ask the provider; no other caller is for so many seconds."""
    asked = templates_asked(sub_account)
    return best_effort("SET", asked, 1, "NX", "PX", int(seconds * 1000), parse=bool)


def come_again(sub_account: str, seconds: float) -> Call[None]:
    """After a failed listing, let a worker ask again after so many seconds."""
    return best_effort("PEXPIRE", templates_asked(sub_account), int(seconds * 1000), parse=_nothing)


def keep_registry(sub_account: str, registry: Registry) -> Call[None]:
    """Replace the registry of a sub-account."""
    value = json.dumps(registry, separators=(",", ":"))
    return best_effort("SET", templates(sub_account), value, parse=_nothing)


def read_registry(sub_account: str) -> Call[Registry]:
    """The registered templates of a sub-account."""
    return command("GET", templates(sub_account), parse=_registry)


def keep_quality(sub_account: str, name: str, quality: str) -> Call[None]:
    """Keep the quality of a template, `GREEN`, `YELLOW`, `RED` or `UNKNOWN`."""
    return best_effort("HSET", template_quality(sub_account), name, quality, parse=_nothing)


def read_quality(sub_account: str, name: str) -> Call[str]:
    """The quality of a template; empty if no event has told it."""
    return command("HGET", template_quality(sub_account), name, parse=text)


def _registry(reply: Any) -> Registry:
    return {name: Purpose(category) for name, category in json.loads(reply or "{}").items()}


def _nothing(_: Any) -> None:
    return None

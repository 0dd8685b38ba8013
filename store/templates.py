"""The registry of templates: the category of each one, as the provider told it last.

One JSON value a sub-account, written as a whole by the worker whose turn it is, and kept until it is
told anew. It is empty where account or channel of a sub-account are not configured.
"""

import json
from collections.abc import Mapping
from typing import Any

from store.client import Call, best_effort, command
from store.keys import templates, templates_asked
from store.purposes import Purpose

Registry = Mapping[str, Purpose]
"""Template, as `template_name` names it → its category."""


def template_name(name: str, language: str) -> str:
    """A template in one language."""
    return f"{name}:{language}"


def take_turn(sub_account: str, seconds: float) -> Call[bool]:
    """Whether it is the caller who asks the provider; nobody else is given a turn for so long."""
    asked = templates_asked(sub_account)
    return best_effort("SET", asked, 1, "NX", "PX", int(seconds * 1000), parse=bool)


def come_again(sub_account: str, seconds: float) -> Call[None]:
    """The provider did not tell: somebody asks again after so long."""
    return best_effort("PEXPIRE", templates_asked(sub_account), int(seconds * 1000), parse=_nothing)


def keep_registry(sub_account: str, registry: Registry) -> Call[None]:
    """Keep what the provider told, in place of what it had told before."""
    value = json.dumps(registry, separators=(",", ":"))
    return best_effort("SET", templates(sub_account), value, parse=_nothing)


def read_registry(sub_account: str) -> Call[Registry]:
    """The registered templates of a sub-account."""
    return command("GET", templates(sub_account), parse=_registry)


def _registry(reply: Any) -> Registry:
    return {name: Purpose(category) for name, category in json.loads(reply or "{}").items()}


def _nothing(_: Any) -> None:
    return None

"""Does a campaign's message fit what the provider has registered, and the rules for messages?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chatapps.management import ProviderError
from chatapps.management.from_settings import ask, has_templates, template_account
from chatapps.preflight import Finding, Severity, compare, find_template
from chatapps.templates import RegisteredTemplate
from config.settings import Settings


def findings_about(
    settings: Settings,
    sub_account: str,
    message: Mapping[str, Any],
    try_rows: Callable[[RegisteredTemplate | None], list[Finding]],
    *,
    offline: bool = False,
) -> list[Finding]:
    """Hold a message against the registered templates, and try it with some rows.

    The templates are looked up if account and channel are configured, and not `offline`; when that
    fails, this is a warning and no more. It blocks.

    Args:
        try_rows: gives what is wrong with the messages of some rows, the template known or not.

    Raises:
        SettingsError: the API key cannot be read.
    """
    if offline or not has_templates(settings, sub_account):
        return try_rows(None)
    try:
        registered = _registered(settings, sub_account)
    except ProviderError as error:
        words = f"The templates could not be looked up, so the message was not compared. {error}"
        return [*try_rows(None), Finding(Severity.WARNING, "", words)]
    return [*compare(message, registered), *try_rows(find_template(message, registered))]


def stops(findings: Sequence[Finding]) -> bool:
    """Whether one of them says that messages would be refused."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def _registered(settings: Settings, sub_account: str) -> tuple[RegisteredTemplate, ...]:
    account = template_account(settings, sub_account)
    return ask(settings, account, lambda calls: calls.list_templates())

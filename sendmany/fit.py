"""Does a prepared campaign fit what the provider has registered, and the rules for messages?"""

from collections.abc import Sequence

from chatapps.management import ProviderError
from chatapps.preflight import Finding, Severity, compare, find_template
from chatapps.templates import RegisteredTemplate
from config.settings import Settings
from producer.campaign_message import load_message_file
from producer.campaigns import Prepared
from producer.preflight import check_sample
from sendmany.accounts import ask, has_templates, template_account


def findings_of(settings: Settings, prepared: Prepared, *, offline: bool) -> list[Finding]:
    """Hold a campaign against the registered templates, and try the messages of some rows.

    The templates are looked up if account and channel are configured, and not `offline`; when that
    fails, this is a warning and no more.

    Raises:
        SettingsError: the API key cannot be read.
    """
    sub_account = prepared.launch.sub_account
    if offline or not has_templates(settings, sub_account):
        return check_sample(prepared)
    try:
        registered = _registered(settings, sub_account)
    except ProviderError as error:
        words = f"The templates could not be looked up, so the message was not compared. {error}"
        return [*check_sample(prepared), Finding(Severity.WARNING, "", words)]
    message = load_message_file(prepared.launch.message)
    sample = check_sample(prepared, find_template(message, registered))
    return [*compare(message, registered), *sample]


def stops(findings: Sequence[Finding]) -> bool:
    """Whether one of them says that messages would be refused."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def _registered(settings: Settings, sub_account: str) -> tuple[RegisteredTemplate, ...]:
    account = template_account(settings, sub_account)
    return ask(settings, account, lambda calls: calls.list_templates())

"""Checks a prepared campaign against the registered templates and the rules for messages."""

from functools import partial

from chatapps.preflight import Finding
from config.settings import Settings
from producer.campaigns.launch import Prepared
from producer.campaigns.message_file import load_message_file
from producer.campaigns.preflight import check_sample, findings_about


def findings_of(settings: Settings, prepared: Prepared, *, offline: bool) -> list[Finding]:
    """Compare a campaign with the registered templates, and validate the messages of some rows.

    Raises:
        SettingsError: the API key cannot be read.
    """
    return findings_about(
        settings,
        prepared.launch.sub_account,
        load_message_file(prepared.launch.message),
        partial(check_sample, prepared),
        offline=offline,
    )

"""Does a prepared campaign fit what the provider has registered, and the rules for messages?"""

from functools import partial

from chatapps.preflight import Finding
from config.settings import Settings
from producer.campaign_message import load_message_file
from producer.campaigns import Prepared
from producer.fit import findings_about
from producer.preflight import check_sample


def findings_of(settings: Settings, prepared: Prepared, *, offline: bool) -> list[Finding]:
    """Hold a campaign against the registered templates, and try the messages of some of its rows.

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

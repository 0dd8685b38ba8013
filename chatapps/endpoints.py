"""Where a configured sub-account is, and with what key."""

from chatapps.client import Endpoint
from config.sections import SettingsError
from config.settings import Settings


def endpoint_of(settings: Settings, sub_account: str) -> Endpoint:
    """The endpoint of a sub-account.

    Raises:
        SettingsError: it is not configured here, or its key is missing or unusable.
    """
    configured = settings.sub_accounts.get(sub_account)
    if configured is None:
        raise SettingsError(f"Sub-account {sub_account!r} is not configured here.")
    key = configured.key()
    if key is None:
        raise SettingsError(
            f"Sub-account {sub_account!r} has no API key: {configured.why_no_key()}."
        )
    try:
        return Endpoint(configured.url, sub_account, key)
    except ValueError as error:
        raise SettingsError(f"The API key of {sub_account!r} cannot be used: {error}.") from error

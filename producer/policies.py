"""The policies of a lane: what the launch says, and else the settings."""

from config.settings import Settings
from store.lanes import Policies


def campaign_policies(
    settings: Settings,
    *,
    on_unknown: str | None = None,
    on_server_error: str | None = None,
    settle_after: float | None = None,
    window: str | None = None,
) -> Policies:
    """Of a campaign; None means what the settings say."""
    policies = settings.policies
    return Policies(
        on_unknown or policies.campaign_on_unknown,
        on_server_error or policies.on_server_error,
        settings.settle_after if settle_after is None else settle_after,
        window or policies.window,
    )


def notification_policies(settings: Settings) -> Policies:
    """Of the lanes that take single messages."""
    policies = settings.policies
    return Policies(
        policies.notification_on_unknown,
        policies.on_server_error,
        settings.settle_after,
        policies.window,
    )

"""The policies of a lane and the purpose of its messages: the caller's, else the configured ones."""

from chatapps.rendering.compiled import CompiledContent, template_of
from config.settings import Settings
from producer.errors import BadPurpose, InputError
from store.lanes.lane import Policies
from store.purposes import Purpose, purpose_of
from store.templates import Registry, template_name


def campaign_policies(
    settings: Settings,
    *,
    hold: bool = False,
    on_unconfirmed: str | None = None,
    on_server_error: str | None = None,
    settle_after: float | None = None,
    window: str | None = None,
) -> Policies:
    """The policies of a campaign; None means the settings'.

    Args:
        hold: never resend a message automatically that may have been accepted.

    Raises:
        InputError: `hold` contradicts another option.
    """
    policies = settings.policies
    if hold:
        for name, value in (("unconfirmed", on_unconfirmed), ("server-error", on_server_error)):
            if value not in (None, "hold"):
                raise InputError(f"Say either --hold or --on-{name} {value}")
        on_unconfirmed = on_server_error = "hold"
    return Policies(
        on_unconfirmed or policies.campaign_on_unconfirmed,
        on_server_error or policies.on_server_error,
        settings.settle_after if settle_after is None else settle_after,
        window or policies.window,
    )


def notification_policies(settings: Settings) -> Policies:
    """The policies of lanes of single messages."""
    policies = settings.policies
    return Policies(
        policies.notification_on_unconfirmed,
        policies.on_server_error,
        settings.settle_after,
        policies.window,
    )


def campaign_purpose(registry: Registry, template: str, wanted: Purpose | None) -> Purpose | None:
    """The purpose of a campaign; None if neither the registry nor the caller gives one.

    Args:
        template: as in the registry; empty for none.

    Raises:
        InputError: `authentication` is requested, but the template is not registered as such.
    """
    registered = registry.get(template)
    if wanted is Purpose.AUTHENTICATION:
        try:
            see_that_authentication(registry, template)
        except BadPurpose as error:
            raise InputError(f"The purpose cannot be authentication: {error.rule}") from error
    return wanted if registered is None else purpose_of(registered, wanted, Purpose.MARKETING)


def template_named(content: CompiledContent) -> str:
    """The template of a campaign as in the registry; empty for none, or a varying one."""
    used = template_of(content)
    return template_name(*used) if used else ""


def see_that_authentication(registry: Registry, template: str) -> None:
    """Raise BadPurpose unless a template is registered as AUTHENTICATION.

    Args:
        template: as in the registry; empty for none.
    """
    registered = registry.get(template)
    if registered is Purpose.AUTHENTICATION:
        return
    if not template:
        raise BadPurpose("authentication needs a template that is registered as AUTHENTICATION")
    if registered is not None:
        raise BadPurpose(f"the template {template} is registered as {registered.upper()}")
    raise BadPurpose(
        f"the template {template} is not known to be registered as AUTHENTICATION: set account_id and "
        "channel_id of the sub-account, workers read its templates every 15 minutes"
    )

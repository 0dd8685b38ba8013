"""Opens, runs and closes calls to the provider for a configured sub-account; used by commands."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chatapps.client import ChatAppsClient, Timeouts, endpoint_of, open_client
from chatapps.management import Account, AccountCalls
from config.sections import SettingsError
from config.settings import Settings

T = TypeVar("T")


def has_templates(settings: Settings, sub_account: str) -> bool:
    """True when account and channel of the sub-account's templates are configured."""
    account = settings.sub_accounts[sub_account]
    return account.account_id is not None and account.channel_id is not None


def template_account(settings: Settings, sub_account: str) -> Account:
    """The account and channel of a sub-account.

    Raises:
        SettingsError: one of them is not configured, or there is no key.
    """
    if settings.sub_accounts[sub_account].channel_id is None:
        raise _missing(sub_account, "account_id and channel_id")
    return webhook_account(settings, sub_account)


def webhook_account(settings: Settings, sub_account: str) -> Account:
    """The account of a sub-account; its channel may be missing.

    Raises:
        SettingsError: it is not configured, or there is no key.
    """
    configured = settings.sub_accounts[sub_account]
    if configured.account_id is None:
        raise _missing(sub_account, "account_id")
    endpoint = endpoint_of(settings, sub_account)
    return Account(endpoint, configured.account_id, configured.channel_id or "")


def ask(
    settings: Settings, account: Account, question: Callable[[AccountCalls], Awaitable[T]]
) -> T:
    """Run one call for an account; see `ask_client`."""
    return ask_client(settings, lambda client: question(AccountCalls(client, account)))


def ask_client(settings: Settings, question: Callable[[ChatAppsClient], Awaitable[T]]) -> T:
    """Run one call over a connection of its own and return its result.

    Raises:
        ProviderError: the call failed; the text is meant for users.
    """

    async def asked() -> T:
        http = settings.http
        timeouts = Timeouts(http.connect_timeout, read=http.read_timeout, total=http.deadline)
        async with open_client(timeouts, connections=1) as connection:
            client = ChatAppsClient(
                connection, total_timeout=http.deadline, max_answer_bytes=http.max_answer_bytes
            )
            return await question(client)

    return asyncio.run(asked())


def _missing(sub_account: str, names: str) -> SettingsError:
    return SettingsError(
        f"Add {names} to [sub_accounts.{sub_account}] in sendmany.toml; the provider's portal shows "
        "them."
    )

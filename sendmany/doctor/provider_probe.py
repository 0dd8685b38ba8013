"""Probes the provider: reachable, key accepted? Sends no message."""

import asyncio
from dataclasses import dataclass

from chatapps.client import (
    ChatAppsClient,
    Endpoint,
    Probe,
    ProbeVerdict,
    Timeouts,
    endpoint_of,
    open_client,
)
from chatapps.responses import NoAnswer, NotSent, Refused
from config.settings import Settings

PROBE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of a probe, in words. `verdict` is None when there was no key to try."""

    verdict: ProbeVerdict | None
    words: str
    remedy: str = ""

    @property
    def good(self) -> bool:
        """True when messages can be sent."""
        return self.verdict in (ProbeVerdict.READY, ProbeVerdict.THROTTLED)

    @property
    def hopeless(self) -> bool:
        """True when nothing will be accepted, from any host."""
        return self.verdict in (ProbeVerdict.WRONG_KEY, ProbeVerdict.UNKNOWN_SUB_ACCOUNT)


def probe(settings: Settings, sub_account: str) -> Finding:
    """Probe the provider, for a few seconds at most.

    Raises:
        SettingsError: the key cannot be read, or is malformed.
    """
    account = settings.sub_accounts[sub_account]
    if account.key() is None:
        return Finding(None, account.why_no_key(), "workers need it to send")
    return explain(
        asyncio.run(_ask(endpoint_of(settings, sub_account))), sub_account, account.place
    )


async def _ask(endpoint: Endpoint) -> Probe:
    timeouts = Timeouts(connect=PROBE_SECONDS, read=PROBE_SECONDS, total=PROBE_SECONDS)
    async with open_client(timeouts) as http:
        return await ChatAppsClient(http, total_timeout=PROBE_SECONDS).probe(endpoint)


def explain(probe: Probe, sub_account: str, url: str) -> Finding:
    """The meaning of a verdict, and the remedy. Pure."""
    match probe.verdict:
        case ProbeVerdict.READY:
            return Finding(probe.verdict, f"{url} takes the key")
        case ProbeVerdict.THROTTLED:
            return Finding(probe.verdict, f"{url} answers, and asks for a pause")
        case ProbeVerdict.WRONG_KEY:
            words = f"the provider refuses the API key of {sub_account}"
            return Finding(probe.verdict, words, "put in the right key")
        case ProbeVerdict.UNKNOWN_SUB_ACCOUNT:
            words = f"the provider knows no sub-account {sub_account}"
            return Finding(probe.verdict, words, "check its spelling and its region")
        case ProbeVerdict.FORBIDDEN:
            words = f"the provider does not let this machine use {sub_account}"
            return Finding(probe.verdict, words, "allow its IP address, and check the key's rights")
        case ProbeVerdict.UNREACHABLE:
            reason = _reason(probe)
            remedy = "check the region or base_url, and the network"
            if "CERTIFICATE_VERIFY_FAILED" in reason:
                remedy = (
                    "see what answers there: its certificate must be for that name, in date, and of an "
                    "authority in the list of certifi"
                )
            return Finding(probe.verdict, f"{url} cannot be reached ({reason})", remedy)
        case _:
            words = f"{url} answers, but not like the provider ({_reason(probe)})"
            return Finding(probe.verdict, words, "check the region or base_url")


def _reason(probe: Probe) -> str:
    result = probe.result
    if isinstance(result, Refused):
        return f"HTTP {result.status}"
    return (
        result.reason if isinstance(result, NotSent | NoAnswer) else "it takes what it should not"
    )

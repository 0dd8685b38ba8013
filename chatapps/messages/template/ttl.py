"""Fallback only after WhatsApp has given up (provider docs, fallback and template validity).

A message does not say how long its template is valid, so callers that know the template's
`message_send_ttl_seconds` apply this rule.
"""

from itertools import pairwise
from typing import Final

from chatapps.messages.message import MessageBody
from chatapps.messages.problems import MessageError, Problem, path_to

LONGEST_TTL: Final = 2_592_000  # seconds: 30 days, of a template with -1 or without a TTL
LONGEST_WAIT: Final = 86_400  # seconds


def check_fallback_ttl(message: MessageBody, ttl_seconds: int | None) -> None:
    """Check that a message with fallback cannot arrive twice, by WhatsApp and by another channel.

    Args:
        message: of one person or of a campaign.
        ttl_seconds: `message_send_ttl_seconds` of its template; -1 or None for 30 days.

    Raises:
        MessageError: the fallback begins while WhatsApp may still deliver.
    """
    ttl = ttl_seconds if ttl_seconds is not None and ttl_seconds >= 0 else LONGEST_TTL
    problems = [
        Problem(path_to(["channels", place, "fallbackAfter"]), _too_short(step.fallback_after, ttl))
        for place, (step, _) in enumerate(pairwise(message.channels or ()))
        if step.channel == "WhatsApp"
        and step.fallback_after is not None
        and step.fallback_after <= ttl
    ]
    if problems:
        raise MessageError(*problems)


def _too_short(wait: int, ttl: int) -> str:
    if ttl >= LONGEST_WAIT:
        return f"no wait is long enough for a template valid for {ttl} s: give it a shorter TTL"
    return f"must be longer than the {ttl} s for which the template is valid, got {wait}"

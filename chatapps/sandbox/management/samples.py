"""Four templates that a sandbox may begin with, as they are registered."""

import json
from typing import Final


def _template(name: str, category: str, text: str, samples: list[str], *more: object) -> bytes:
    body = {"type": "BODY", "text": text, "examples": samples}
    parts = [body, *more]
    return json.dumps(
        {"name": name, "language": "en", "category": category, "components": parts}
    ).encode()


SAMPLES: Final = (
    _template(
        "spring_offer",
        "MARKETING",
        "Hello {{1}}, everything for the garden is {{2}} off until Sunday. See you soon!",
        ["Ann", "20 %"],
        {"type": "FOOTER", "text": "Reply STOP to opt out"},
    ),
    _template(
        "parcel_ready",
        "UTILITY",
        "Hello {{1}}, your parcel {{2}} is ready. Please bring your ID.",
        ["Ann", "4711"],
    ),
    _template(
        "appointment_reminder",
        "UTILITY",
        "Hello {{1}}, we look forward to seeing you on {{2}}. Please call if you cannot come.",
        ["Ann", "Monday at 9"],
    ),
    _template(
        "one_time_code",
        "AUTHENTICATION",
        "Your code is {{1}}. For your security, do not share it.",
        ["402918"],
    ),
)

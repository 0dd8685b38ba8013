"""The files of the demo: fictitious people and an offer."""

import csv
import json
from pathlib import Path

from producer.campaigns.launch import Launch
from sendmany.local.processes import Wait
from sendmany.local.stack import SANDBOX_ID

MOST_RECIPIENTS = 5_000_000
BLOCKS = ("493023125", "494066969", "498999998", "496990009", "492214710")
"""Numbers reserved for film and television in Germany; six more digits give a million of each."""
_NAMES = ("Ada", "Grace", "Edsger", "Barbara", "Alan", "Radia", "Donald", "Frances")
MESSAGE = {
    "type": "template",
    "content": {
        "template": {
            "name": "spring_offer",
            "language": "en",
            "components": [
                {
                    "type": "body",
                    "parameters": [
                        {"type": "text", "text": "{{name}}"},
                        {"type": "text", "text": "{{code}}"},
                    ],
                }
            ],
        }
    },
}


def write_files(recipients: int, home: Path, on_wait: Wait) -> Launch:
    """Write the recipient file and the message."""
    file, message = home / "recipients.csv", home / "message.json"
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["msisdn", "name", "code"])
        for index in range(recipients):
            writer.writerow([number(index), _NAMES[index % len(_NAMES)], f"SPRING-{index:07d}"])
            if index % 10_000 == 0:
                on_wait()
    message.write_text(json.dumps(MESSAGE, indent=2), encoding="utf-8")
    return Launch("demo", SANDBOX_ID, file, message)


def number(index: int) -> str:
    """A fictitious number, a different one for each index."""
    block, rest = divmod(index, 1_000_000)
    return f"+{BLOCKS[block]}{rest:06d}"

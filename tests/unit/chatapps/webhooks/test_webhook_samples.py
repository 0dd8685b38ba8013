"""The provider's own examples of webhooks: all are understood, and nothing in them is foreign to us.

They are not part of this repository: SENDMANY_SAMPLES names the folder that holds them (`webhooks/`).
"""

import os
from pathlib import Path
from typing import Final

import pytest

from chatapps.webhooks import Receipt, read_webhook
from chatapps.webhooks.fast_receipts import read_fast

FOLDER: Final = os.environ.get("SENDMANY_SAMPLES")
FILES: Final = sorted(Path(FOLDER or "nowhere").glob("webhooks/*/*.json"))
KINDS: Final = {"dr": "receipt", "inbound": "reply", "business": "business"}

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="SENDMANY_SAMPLES does not name a folder with the provider's examples"
)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_an_example_is_understood_whole(path: Path) -> None:
    event = read_webhook(path.read_bytes())

    assert event.kind == KINDS[path.parent.name]
    assert event.extra == {}
    assert event.timestamp is not None


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_an_example_of_a_receipt_takes_the_short_way(path: Path) -> None:
    event = read_webhook(path.read_bytes())

    assert read_fast(path.read_bytes()) == (event if isinstance(event, Receipt) else None)


def test_the_examples_are_there() -> None:
    assert {path.parent.name for path in FILES} == set(KINDS)

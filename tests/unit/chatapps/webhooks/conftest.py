"""Bodies of webhooks: one file for every kind of event in `bodies/`, with values of our own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BODIES = Path(__file__).parent / "bodies"


@pytest.fixture(scope="session")
def body() -> Callable[[str], dict[str, Any]]:
    """A fresh copy of a body, to change at will."""

    def read(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((BODIES / f"{name}.json").read_bytes())
        return found

    return read

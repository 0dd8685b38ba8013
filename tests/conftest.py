"""What all tests share."""

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.examples import examples

# Before any import: shared suites contain asserts, too.
pytest.register_assert_rewrite("tests.conformance")

# Slow machines need no deadline; a reproducible run uses the same examples each time.
settings.register_profile(
    "here",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    max_examples=examples(100),
)
settings.register_profile("ci", settings.get_profile("here"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Reset logging: a command that ran in this process has set it up for a stderr that is closed
    now."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)

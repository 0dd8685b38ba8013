"""Number of examples per property: few for quick runs, all in `make test-all`."""

import os

SHARE = 1 if os.environ.get("SENDMANY_TEST_EXAMPLES") == "all" else 5


def examples(all_of_them: int) -> int:
    """A fifth of them, unless all are asked for."""
    return all_of_them // SHARE

"""What all tests share."""

import os

from hypothesis import HealthCheck, settings

# A slow machine is no failure; and a run that must not surprise anybody uses the same examples always.
settings.register_profile(
    "here", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("ci", settings.get_profile("here"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")

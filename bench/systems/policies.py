"""sendmany with quiet hours, a frequency cap and two exclusions of 100,000 people each."""

import json
from dataclasses import replace
from pathlib import Path

from bench.site import SUB_ACCOUNT, Site
from bench.systems.sendmany import Sendmany
from bench.workload import Work, number
from producer.campaigns.exclusions import read_exclusions
from producer.campaigns.launch import Launch
from producer.layout import ReadOptions

EXCLUDED = 100_000
_FIRST = 1_000_000, 2_000_000
"""Where the numbers of each list begin: behind those of the campaign."""


class WithPolicies(Sendmany):
    """No person of the campaign is left out and all hours are open: it sends what the others send."""

    def settings(self, site: Site) -> dict[str, str]:
        return {
            **super().settings(site),
            "SENDMANY_CAMPAIGNS": json.dumps({"cap_messages": 10}),
            "SENDMANY_QUIET_HOURS": json.dumps(
                {"enabled": True, "hours": {"DE": "00:00-23:59", "*": "always"}}
            ),
        }

    def launch(self, site: Site, work: Work, name: str, file: str) -> Launch:
        lists = [Path(work.message).with_name(f"excluded-{first}.csv") for first in _FIRST]
        for first, path in zip(_FIRST, lists, strict=True):
            if not path.exists():
                rows = (number(first + index) for index in range(EXCLUDED))
                path.write_text("\n".join(["msisdn", *rows]))
        asked = [f"file:{path}" for path in lists]
        found = read_exclusions(self._store(site), asked, SUB_ACCOUNT, ReadOptions())
        return replace(super().launch(site, work, name, file), exclusions=found)


SYSTEM = WithPolicies()

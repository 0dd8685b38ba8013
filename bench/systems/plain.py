"""sendmany without kept values: all that can be off is off."""

from bench.site import Site
from bench.systems.sendmany import Sendmany


class Plain(Sendmany):
    """A finished campaign keeps its records only."""

    def settings(self, site: Site) -> dict[str, str]:
        return {**super().settings(site), "SENDMANY_KEEP_VALUES": "0"}


SYSTEM = Plain()

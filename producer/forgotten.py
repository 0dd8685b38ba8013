"""Leaves out forgotten people: rows of files, and messages that they opted out of.

A process knows their digests and reloads them every few seconds, at no cost while there are none. Rows
of files are always left out, since a file may be old. A single message is refused only if a suppression
of the person still holds for its purpose.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chatapps.person_names import canonical
from chatapps.rendering.job_line import purpose_letter, template_in
from config.settings import Settings
from store.people.forgotten import (
    Forgotten,
    all_forgotten,
    digest_of,
    read_noted,
    see_that_secret,
)
from store.people.suppressions import EVERYWHERE
from store.plans import Plan, ask
from store.purposes import BY_LETTER, Purpose, purpose_of
from store.templates import Registry, template_name

LOOK_SECONDS = 5.0
"""Seconds between two checks for new digests."""


@dataclass(slots=True)
class ForgottenPeople:
    """Forgotten people, cached by this process.

    Args:
        clock: monotonic, s.
    """

    settings: Settings
    clock: Callable[[], float] = time.monotonic
    _looked_at: float = float("-inf")
    _noted: int = 0
    _known: dict[str, dict[str, Forgotten]] = field(default_factory=dict)  # scope → digest → …

    def look(self) -> Plan[bool]:
        """Reload them if due; True if there are any.

        Raises:
            SettingsError: there are forgotten people, but no matching secret to recognise them.
        """
        if self.clock() < self._looked_at + LOOK_SECONDS:
            return self._noted > 0
        noted, by = yield from ask(read_noted())
        if noted:
            see_that_secret(self.settings.secret_key(), by)
        if noted != self._noted:
            scopes = (EVERYWHERE, *self.settings.sub_accounts)
            for scope in scopes:
                self._known[scope] = yield from ask(all_forgotten(scope))
        self._noted, self._looked_at = noted, self.clock()
        return noted > 0

    def left_out(self, lines: Sequence[bytes]) -> set[int]:
        """Positions of job lines of forgotten people."""
        known = self._known.get(EVERYWHERE, {})
        return {place for place, line in enumerate(lines) if self._digest(line) in known}

    def refused(self, lines: Sequence[bytes], account: str, registry: Registry) -> set[int]:
        """Positions of messages that forgotten people must not get."""
        return {
            place
            for place in self.left_out(lines)
            if self._is_stopped(lines[place], account, registry)
        }

    def _is_stopped(self, line: bytes, account: str, registry: Registry) -> bool:
        used = template_in(line) if registry else None
        registered = registry.get(template_name(*used)) if used else None
        purpose = purpose_of(registered, BY_LETTER.get(purpose_letter(line)), Purpose.UTILITY)
        digest = self._digest(line)
        found = (self._known.get(scope, {}).get(digest) for scope in (EVERYWHERE, account))
        return any(one is not None and one.stops(purpose) for one in found)

    def _digest(self, line: bytes) -> str:
        secret = self.settings.secret_key()
        who = canonical(line.partition(b"\t")[0]).decode("utf-8", "replace")
        return digest_of(who, secret) if secret else ""

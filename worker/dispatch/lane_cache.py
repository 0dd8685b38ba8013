"""Cache of the lanes that this process sends from."""

from chatapps.client import endpoint_of
from chatapps.rendering.compiled import CompiledContent
from chatapps.rendering.renderer import MessageRenderer
from chatapps.service_window import content_needs_window
from config.sections import SettingsError, SubAccount
from config.settings import Settings
from store.client import AsyncStore, Call, best_effort
from store.keys import lane_keys
from store.lanes.lane import Lane, read_lane
from store.limits.breakers import scopes_of
from store.limits.learned import FIRST_RATE
from store.limits.rate_limit import Limits
from worker.batch import OpenLane, Sender

ROOM = 1024
"""Cached lanes; more than a loop checks in one round."""


class LaneCache:
    """Opens lanes: reads their properties, compiles the renderer, finds the sub-account.

    Cached properties never change, except for the status, which every script that claims or posts
    checks.
    """

    def __init__(self, store: AsyncStore, settings: Settings, room: int = ROOM) -> None:
        self._store = store
        self._settings = settings
        self._room = room
        self._open: dict[str, OpenLane] = {}  # the most recently used lane is last

    async def get(self, lane_id: str) -> OpenLane | None:
        """The lane, or None if there is no such lane.

        Raises:
            SettingsError: its sub-account is not configured here, or has no key.
            ValueError: its content has a format that this version does not know.
        """
        found = self.known(lane_id)
        if found is not None:
            return found
        lane = await self._store.run(read_lane(lane_id))
        if lane is None:
            return None
        opened = _opened(lane, sender_of(self._settings, lane.sub_account))
        self._open[lane_id] = opened
        if len(self._open) > self._room:
            self.forget(next(iter(self._open)))
        return opened

    def known(self, lane_id: str) -> OpenLane | None:
        """The lane if it is cached."""
        found = self._open.pop(lane_id, None)
        if found is not None:
            self._open[lane_id] = found
        return found

    def renew(self, sender: Sender) -> bool:
        """Read the key of a sub-account again; True if it has changed, and its lanes are reopened."""
        try:
            if sender_of(self._settings, sender.id).endpoint == sender.endpoint:
                return False
        except SettingsError:
            return False
        for lane_id in [id_ for id_, lane in self._open.items() if lane.sender == sender]:
            self.forget(lane_id)
        return True

    def forget(self, lane_id: str) -> None:
        """Drop an ended lane."""
        self._open.pop(lane_id, None)


def note_trouble(lane_id: str, why: str) -> Call[None]:
    """Record with the lane why a worker cannot send from it. The next change of its status clears it."""
    return best_effort("HSET", lane_keys(lane_id).meta, "reason", why, parse=lambda _: None)


def sender_of(settings: Settings, sub_account_id: str) -> Sender:
    """Endpoint, limits and slots of a sub-account.

    Raises:
        SettingsError: it is not configured, or its key is missing or unusable.
    """
    endpoint = endpoint_of(settings, sub_account_id)
    sub_account = settings.sub_accounts[sub_account_id]
    return Sender(
        sub_account_id,
        endpoint,
        limits_of(sub_account),
        sub_account.max_in_air,
        sub_account.pair_wait,
    )


def limits_of(sub_account: SubAccount) -> Limits:
    return Limits(
        messages_per_second=sub_account.messages_per_second,
        burst=sub_account.burst_messages,
        urgent_reserve=sub_account.urgent_reserve,
        requests_per_second=sub_account.requests_per_second,
        first_rate=min(FIRST_RATE, sub_account.ceiling) if sub_account.learn_mode == "on" else 0,
    )


def _opened(lane: Lane, sender: Sender) -> OpenLane:
    if lane.kind != "campaign":
        return OpenLane(lane, MessageRenderer(lane.id), sender, scopes=scopes_of(lane))
    content = CompiledContent.load(lane.content)
    return OpenLane(
        lane, content.renderer(lane.id), sender, content_needs_window(content), scopes_of(lane)
    )

"""A store that lets no script touch what it has not declared."""

import re
from typing import Any

import redis
from redis.crc import key_slot

from store.client import Call, Store
from store.keys import row_of

USER = "declared"
OLD = re.compile(
    r"sm:(\{people\}:|\{inbox\}|\{drains\}|\{.+\}:(waves|flights|parked|[wfp]:.+)$|breakers:.+:told)"
)
"""Keys of older layouts, which the steps of store.migrations read."""
GLOB = re.compile(r"[*?\[\]\\]")


class DeclaredKeysStore(Store):
    """Runs each call as a user of Redis who may touch the keys of this call and no other: a script is
    refused when it touches one that is not among its KEYS. All of them must lie in one slot."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self._owner: Any = redis.Redis(connection_pool=client.connection_pool)
        self._owner.acl_setuser(USER, enabled=True, nopass=True, categories=["+@all"])
        given = {**client.connection_pool.connection_kwargs, "username": USER, "password": "any"}
        pool = redis.ConnectionPool(
            connection_class=client.connection_pool.connection_class, **given
        )
        self._bound = redis.Redis(connection_pool=pool)

    def _send(self, call: Call[Any]) -> Any:
        assert len({key_slot(key.encode()) for key in call.keys}) <= 1, (call.script, call.keys)
        for key in call.keys:
            is_known = row_of(key) or "*" in key or OLD.match(key)
            assert is_known, f"{key} is not in store.keys.TABLE"
        if call.script is None:
            return super()._send(call)
        keys = [f"~{GLOB.sub(lambda sign: chr(92) + sign[0], key)}" for key in call.keys]
        self._owner.execute_command("ACL", "SETUSER", USER, "resetkeys", *keys)
        self.client, owner = self._bound, self.client
        try:
            return super()._send(call)
        finally:
            self.client = owner

    def close(self) -> None:
        self._bound.close()
        super().close()

"""What a token may know of."""

from store.calls import Store
from store.errors import UnknownLane
from store.lanes import Lane, find_lane
from store.tokens import Token


def find_visible_lane(store: Store, caller: Token, name_or_id: str) -> Lane:
    """A lane by the name of its campaign or by its id.

    Raises:
        UnknownLane: there is none, or it is not the caller's: nobody is told which.
    """
    lane = find_lane(store, name_or_id)
    if not caller.may_use(lane.sub_account):
        raise UnknownLane(f"There is no campaign {name_or_id!r}.")
    return lane

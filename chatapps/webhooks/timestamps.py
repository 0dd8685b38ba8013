"""Points in time as the provider writes them, as milliseconds since 1970."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def read_moment(text: str) -> int | None:
    """Milliseconds since 1970 of an ISO 8601 date and time; None for anything else.

    Fractions have 0 to 7 digits or more (what is below a millisecond is cut off), the zone is `Z`
    or an offset (provider docs, webhooks); without a zone it is UTC, as the docs say of all times.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _read_otherwise(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND


def _read_otherwise(text: str) -> int | None:
    """Again in capitals and without spaces around, when that makes a difference."""
    plain = text.strip().upper()
    return read_moment(plain) if plain != text else None


def write_moment(milliseconds: int) -> str:
    """The moment in UTC, for people: `2027-03-01T09:00:02.400Z`."""
    moment = _EPOCH + milliseconds * _MILLISECOND
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

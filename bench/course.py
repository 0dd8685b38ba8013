"""What happened in a scene second by second, and its figures."""

from dataclasses import dataclass, field

from chatapps.sandbox.phone_number import Capacity
from store.limits.learned import Learned

WINDOW = 10
"""Seconds over which sent and delivered messages are compared with the capacity."""
MINUTE, HOUR = 60, 3600


@dataclass(frozen=True, slots=True)
class Scene:
    """A number and how it changes."""

    name: str
    number: Capacity
    first: float = 20.0
    seconds: int = HOUR
    ceiling: float = 1000.0
    changes: tuple[tuple[int, float], ...] = ()  # second → capacity from then on

    def capacity(self, at: int) -> float:
        """Capacity in a second."""
        return ([self.number.per_second] + [to for since, to in self.changes if since <= at])[-1]


@dataclass(slots=True)
class Course:
    """What happened in each second of a scene."""

    sent: list[int]
    rates: list[float]
    delivered: list[int]
    throttled: list[int]  # by second of posting
    learned: Learned | None = None
    causes: list[tuple[int, float, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a scene."""

    name: str
    kind: str
    used_share: float
    throttled_share: float  # after the first minute
    settled_s: float
    details: dict[str, float] = field(default_factory=dict)  # what else a scene is about


def figures(scene: Scene, course: Course, kind: str = "virtual") -> Figures:
    """The figures of one run."""
    capacity = sum(map(scene.capacity, range(scene.seconds)))
    sent = sum(course.sent[MINUTE:])
    return Figures(
        scene.name,
        kind,
        round(sum(course.delivered) / capacity, 4),
        round(sum(course.throttled[MINUTE:]) / max(1, sent), 5),
        settled(scene, course),
    )


def settled(scene: Scene, course: Course) -> int:
    """Seconds until 90 % of the capacity are delivered by a rate of at most 110 % of it; the length of
    the scene if that never happens."""
    for at in range(scene.seconds - WINDOW):
        capacity = scene.capacity(at)
        delivered = sum(course.delivered[at : at + WINDOW]) / WINDOW
        if delivered >= 0.9 * capacity and course.rates[at] <= 1.1 * capacity:
            return at
    return scene.seconds

"""Metrics of the code, and those that an expression of PromQL names without the code having them."""

import re
from collections.abc import Iterator

from dashboard.metrics import BREAKER_SCOPES, HTTP_REQUESTS, STANDING
from store.lanes.lane import LaneStatus, Priority
from store.limits.stops import Stopped
from store.metrics.counters import COUNTED
from store.states import OPEN_STATES, State

SUFFIXES = ("_bucket", "_count", "_sum")
WORDS: dict[str, set[str]] = {
    "kind": {"receipt", "unmatched", "reply", "event", "unreadable"},
    "priority": set(Priority),
    "scope": set(BREAKER_SCOPES),
    "state": {*State, *OPEN_STATES},
    "status": {*LaneStatus, "2xx", "4xx", "429", "5xx", "not_sent", "no_answer"},
    "what": set(Stopped),
}
"""Values of labels; of the others any."""


def _shown() -> Iterator[tuple[str, tuple[str, tuple[str, ...], str]]]:
    for counted in (*COUNTED, HTTP_REQUESTS):
        kind, end = ("histogram", "") if counted.bounds else ("counter", "_total")
        yield counted.name + end, (kind, counted.labels, counted.meaning)
    for one in STANDING:
        kind, end = ("counter", "_total") if one.is_sum else ("gauge", "")
        yield one.name + end, (kind, one.labels, one.meaning)


SHOWN = dict(_shown())
"""Kind, labels and meaning of every metric, by its name."""


def base(name: str) -> str:
    """The metric of a series: that of a histogram without `_bucket`, `_count`, `_sum`."""
    short = re.sub(f"({'|'.join(SUFFIXES)})$", "", name)
    return short if SHOWN.get(short, ("",))[0] == "histogram" else name


def problems(expr: str) -> Iterator[str]:
    """Names, labels and values that there are not, and brackets that do not close."""
    names = {base(name) for name in re.findall(r"\bsendmany_\w+", expr)}
    if not names:
        yield "asks for no metric"
    yield from (f"no metric {name}" for name in names - SHOWN.keys())
    known = {label for name in names & SHOWN.keys() for label in SHOWN[name][1]} | {
        "le",
        "instance",
    }
    grouped = re.findall(r"\b(?:by|on|ignoring|group_left) ?\(([^)]*)\)", expr)
    asked = {label.strip() for words in grouped for label in words.split(",") if label.strip()}
    matched = re.findall(r"(\w+)(?:=~?|!=|!~)\"([^\"]*)\"", expr)
    yield from (f"no label {label}" for label in (asked | {label for label, _ in matched}) - known)
    for label, value in matched:
        if label in WORDS and not value.startswith("$"):
            yield from (f"no {label} {word}" for word in set(value.split("|")) - WORDS[label])
    left = re.sub(r"\"[^\"]*\"", "", expr)
    while (shorter := re.sub(r"\([^()[\]{}]*\)|\[[^()[\]{}]*\]|\{[^()[\]{}]*\}", "", left)) != left:
        left = shorter
    if re.search(r"[()[\]{}]", left):
        yield "brackets do not close"

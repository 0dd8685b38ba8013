"""Python cost of one message: validation and rendering.

`python -m bench.messages` prints JSON: for each step the median and the best round, in µs of CPU time
per message. On a busy machine the best is more meaningful.

    validate   one template message, from JSON bytes to a model
    render     one message of a compiled campaign, in a batch of 1,000
    emit       one template message, from the model to JSON bytes
"""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from chatapps.messages import read_message
from chatapps.rendering.compiled import compile_content
from chatapps.rendering.job_line import pack_line

TARGETS: Final = {"validate": 15.0, "render": 3.0}  # µs
BATCH: Final = 1_000

CONTENT: Final[dict[str, Any]] = {
    "type": "template",
    "content": {
        "template": {
            "name": "boat_trip",
            "language": "en_GB",
            "components": [
                {
                    "type": "body",
                    "parameters": [
                        {"type": "text", "text": "{{name}}"},
                        {"type": "text", "text": "{{hour}}"},
                    ],
                },
                {
                    "type": "button",
                    "subType": "Url",
                    "index": 0,
                    "parameters": [{"type": "text", "text": "trips/{{trip}}"}],
                },
            ],
        }
    },
}
COLUMNS: Final = ("name", "hour", "trip")


class Cost(NamedTuple):
    """Cost of a message in µs."""

    median: float
    best: float


def cost(call: Callable[[], object], messages: int, calls: int, rounds: int = 300) -> Cost:
    """Measure, in rounds of `calls` calls, a function that handles `messages` messages each time."""
    times = [_round(call, calls) / messages for _ in range(rounds)]
    return Cost(statistics.median(times), min(times))


def _round(call: Callable[[], object], calls: int) -> float:
    start = time.process_time_ns()
    for _ in range(calls):
        call()
    return (time.process_time_ns() - start) / calls / 1_000


def measure() -> dict[str, Cost]:
    """The costs by name."""
    jobs = [(index, 1, pack_line(f"4477009{index:05}", _values(index))) for index in range(BATCH)]
    renderer = compile_content(CONTENT, COLUMNS).renderer("spring")
    batch = json.loads(renderer.render("spring.0a1b2c3d4e5f", jobs[:1]))
    message = batch.get("template", {}) | batch["messages"][0]
    raw = json.dumps(message).encode()
    model = read_message(raw)
    return {
        "validate": cost(lambda: read_message(raw), 1, 100),
        "render": cost(lambda: renderer.render("spring.0a1b2c3d4e5f", jobs), BATCH, 1),
        "emit": cost(model.emit_json, 1, 100),
    }


def _values(index: int) -> tuple[str, ...]:
    return (f"Ivy {index}", "twelve o'clock", str(index))


def main() -> None:
    """Measure and print."""
    print(json.dumps({name: _record(name, found) for name, found in measure().items()}))


def _record(name: str, found: Cost) -> dict[str, float | bool]:
    record: dict[str, float | bool] = {
        "median_us": round(found.median, 2),
        "best_us": round(found.best, 2),
    }
    if name in TARGETS:
        record |= {"target_us": TARGETS[name], "met": found.median <= TARGETS[name]}
    return record


if __name__ == "__main__":
    main()

"""Live progress on stderr."""

import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType

from rich.console import ConsoleRenderable, RichCast
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from dashboard.explain import pace_figures, percent, several, share
from sendmany.console.output import Terminal, say
from store.lanes.lane import LaneStatus
from store.reports.lane_report import LaneReport
from store.reports.waiting import Waiting
from store.states import Stage

QUIET_SECONDS = 2.0
"""Seconds between two lines of progress without a terminal."""


class _Speed(ProgressColumn):
    """Messages per second: as given, else as measured by the bar."""

    def render(self, task: Task) -> Text:
        speed = task.fields["speed"] if task.fields["told"] else task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="cyan")


class _Left(ProgressColumn):
    """Remaining time: as given, else as estimated by the bar."""

    def __init__(self) -> None:
        super().__init__()
        self._seen = TimeRemainingColumn(compact=True)

    def render(self, task: Task) -> Text:
        if not task.fields["told"]:
            return self._seen.render(task)
        left = task.fields["left"]
        words = "" if left is None else f"{int(left) // 60:02d}:{int(left) % 60:02d}"
        return Text(words, style="progress.remaining")


class _Of(ProgressColumn):
    """Done and total."""

    def render(self, task: Task) -> Text:
        total = f"{task.total:,.0f}" if task.total else "?"
        return Text(f"{task.completed:,.0f}/{total}", style="green")


class _Bar(Progress):
    """A progress bar with a line of text below."""

    note = ""

    def get_renderables(self) -> Iterable[ConsoleRenderable | RichCast | str]:
        yield from super().get_renderables()
        if self.note:
            yield Text(f"  {self.note}", style="dim")


class Meter:
    """Live progress on stderr: a bar at a terminal, periodic lines elsewhere.

    Args:
        what: title, one word: `Sending`.
        seconds: our clock; for the lines.
    """

    def __init__(self, what: str, seconds: Callable[[], float] = time.monotonic) -> None:
        console = Terminal(stderr=True)
        self._what = what
        self._seconds = seconds
        self._live = console.is_terminal
        self._spoke_at = seconds()
        self._bar = _Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            _Of(),
            _Speed(),
            _Left(),
            console=console,
            expand=True,
            disable=not self._live,
        )
        self._task = self._bar.add_task(what, total=None, told=False, speed=None, left=None)

    def __enter__(self) -> "Meter":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(
        self,
        done: int,
        total: int,
        note: str,
        what: str | None = None,
        *,
        pace: Mapping[str, float | None] | None = None,
    ) -> None:
        """Update the progress.

        Args:
            pace: `messages_per_second` and `seconds_left`; without it the bar measures them.
        """
        told = pace or {}
        self._bar.note = note
        self._bar.update(
            self._task,
            completed=done,
            total=total or None,
            description=what or self._what,
            told=pace is not None,
            speed=told.get("messages_per_second"),
            left=told.get("seconds_left"),
        )
        if self._live or self._seconds() < self._spoke_at + QUIET_SECONDS:
            return
        self._spoke_at = self._seconds()
        say(f"{what or self._what}: {done:,} of {total:,}; {note}")


_DOING = {
    LaneStatus.LOADING: "Loading",
    LaneStatus.SCHEDULED: "Scheduled",
    LaneStatus.PAUSED: "Paused",
    LaneStatus.STOPPED: "Stopped",
    LaneStatus.HALTED: "Halted",
    LaneStatus.CANCELLING: "Cancelling",
    LaneStatus.CANCELLED: "Cancelled",
    LaneStatus.FINISHED: "Sent",
}


def show_sending(meter: Meter, report: LaneReport, wait: Waiting) -> None:
    """Show a lane's progress. Cancelled messages do not fill the bar."""
    lane = report.lane
    done = report.done - report.stage(Stage.CANCELLED)
    meter.show(
        done, lane.next_index, sending_note(report), _DOING.get(lane.status),
        pace=pace_figures(report, wait),
    )  # fmt: skip


def sending_note(report: LaneReport) -> str:
    """Messages by stage in one line, in order."""
    size = report.lane.next_index
    parts = [
        f"{n:,} {stage} ({percent(share(n, size))})"
        for stage in Stage
        if (n := report.stage(stage)) or stage is Stage.SENT
    ]
    if report.lane.status in (LaneStatus.STOPPED, LaneStatus.HALTED):
        parts.append(f"{report.lane.status}: {report.lane.reason}")
    return " · ".join(parts)


def loading_note(duplicates: int, invalid_rows: int) -> str:
    """Omitted rows of a recipient file so far, in one line."""
    return f"{several(duplicates, 'duplicate')}, {several(invalid_rows, 'invalid row')}"

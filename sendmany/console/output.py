"""Output of commands: results on stdout, as tables for people or JSON for programs; messages on
stderr."""

import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TextIO

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from config.safe_text import plain
from dashboard.explain import iso, lane_figures
from store.lanes.lane import rate_out
from store.reports.lane_report import LaneReport


class Terminal(Console):
    """A console that escapes control characters, so that texts cannot move the cursor or set the
    title."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """The segments of `renderable`; rich's own control codes stay."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=plain(segment.text))


class _Screen(io.StringIO):
    def write(self, text: str) -> int:
        return sys.stdout.write(plain(text))


def at_terminal() -> bool:
    """True when a person can be asked."""
    return sys.stdin.isatty()


def screen() -> TextIO:
    """stdout; at a terminal with control characters escaped."""
    return _Screen() if sys.stdout.isatty() else sys.stdout


def print_json(value: object, indent: int | None = None) -> None:
    """Print a JSON value on stdout, on one line unless indented."""
    sys.stdout.write(plain(json.dumps(value, ensure_ascii=False, indent=indent)) + "\n")
    sys.stdout.flush()


def say(sentence: str) -> None:
    """Print a sentence to stderr."""
    Terminal(stderr=True, highlight=False, soft_wrap=True, markup=False).print(sentence)


def show(*lines: str) -> None:
    """Print sentences as the result, to stdout."""
    console = Terminal(highlight=False, soft_wrap=True, markup=False)
    for line in lines:
        console.print(line)


def show_table(table: Table) -> None:
    """Print a table to stdout."""
    Terminal(highlight=False).print(table)


def pairs_table(rows: Iterable[tuple[str, str]], title: str | None = None) -> Table:
    """A table of names and figures, one pair per row."""
    table = Table(box=None, show_header=False, title=title, title_justify="left", padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(plain(name)), Text(plain(value)))  # escaped here, too: widths
    return table


def table_of(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Sequence[str] = (),
    ids: str = "",
) -> Table:
    """A table with a header; the columns named in `numbers` are right-aligned, and the one of `ids` is
    never broken, so that an id can be copied."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        justify: Literal["right", "left"] = "right" if column in numbers else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column == ids)
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    return table


def as_json(report: LaneReport) -> dict[str, Any]:
    """A lane and its figures as JSON."""
    lane = report.lane
    return {
        **lane_figures(report),
        "codes": report.codes,
        "opened_at": iso(lane.opened_at / 1000),
        "send_at": iso(lane.send_at / 1000),
        "zone": lane.zone,
        **rate_out(lane.rate),
        "weight": lane.weight,
        "finish_by": iso(lane.finish_by / 1000),
        "finish_zone": lane.finish_zone,
        "started_at": iso(lane.started_at / 1000),
        "finished_at": iso(lane.finished_at / 1000),
    }

"""Validates some messages of a campaign before its launch: those of the first rows, the last rows, and
the rows with the longest values.

A valid message file can still exceed limits with some rows' values.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappush, heapreplace
from itertools import islice
from typing import Any, Final

from chatapps.management import ProviderError
from chatapps.management.from_settings import ask, has_templates, template_account
from chatapps.messages import Message, MessageError, read_batch
from chatapps.preflight import Finding, Severity, compare, find_template
from chatapps.rendering.compiled import CompiledContent
from chatapps.service_window import content_needs_window
from chatapps.templates import RegisteredTemplate, fill
from config.settings import Settings
from producer.campaigns.launch import Prepared
from producer.errors import BadRow
from producer.files.csv_reader import Record
from producer.files.rows import RowPacker
from producer.layout import Layout
from store.client import Store
from store.lanes.lane import Policies
from store.people.service_windows import last_reply

MOST_ROWS: Final = 200
LONGEST_FILLED: Final = 1024
"""Most characters of a template's text with its values: longer ones are refused (1032)."""

_MISREAD: Final = re.compile(
    r"[\xc2\xc3\xc4\xc5\xd0\xd1][\x80-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\u2018-\u2022\u2030\u2039\u203a\u20ac]"
    r"|\xe2\u20ac|\ufffd"
)
_OF_A_MESSAGE: Final = re.compile(r"messages\[(\d+)\]\.?(.*)")


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A row whose message is validated."""

    line: int  # of the file
    job: bytes


def check_sample(
    prepared: Prepared, template: RegisteredTemplate | None = None, most: int = MOST_ROWS
) -> list[Finding]:
    """Problems of the messages of some rows; empty without any.

    Invalid rows are left out. With the registered `template` of the message, the length of its text with
    the values is checked, too. At most `most` rows are checked, and only one if the message is the same
    for all rows.
    """
    return check_rows(prepared.message.content, list(_sample(prepared, most)), template)


def check_rows(
    content: CompiledContent, rows: Sequence[SampleRow], template: RegisteredTemplate | None = None
) -> list[Finding]:
    """The same for given rows."""
    if not rows:
        return []
    return [*_misread(rows), *_refused(content, rows, template)]


def _refused(
    content: CompiledContent, rows: Sequence[SampleRow], template: RegisteredTemplate | None
) -> list[Finding]:
    renderer = content.renderer("preflight")
    body = renderer.render("preflight", [(n, 1, row.job) for n, row in enumerate(rows)])
    try:
        messages = read_batch(body).messages
    except MessageError as error:
        return _findings(error, rows)
    return list(_too_long(messages, rows, template)) if template else []


def _misread(rows: Sequence[SampleRow]) -> Iterator[Finding]:
    """Values that look like misdecoded UTF-8, such as `ZoÃ«` for `Zoë`."""
    found = [(row.line, m[0]) for row in rows if (m := _MISREAD.search(row.job.decode()))]
    if found:
        line, excerpt = found[0]
        more = (
            f" (and {len(found) - 1} more of the {len(rows)} rows looked at)" if found[1:] else ""
        )
        yield Finding(
            Severity.WARNING,
            "",
            f'Line {line} of the recipients holds "{excerpt}", which reads like text in a wrong '
            f"encoding: export the file as UTF-8 again{more}.",
        )


def sample_of(
    records: Iterable[Record],
    layout: Layout,
    columns: Sequence[str],
    packer: RowPacker,
    most: int = MOST_ROWS,
) -> Iterator[SampleRow]:
    """The rows to validate, in the order of the file; `columns` are those that the message uses."""
    places = [layout.place(column) for column in columns]
    return pack_sample(choose(records, places, most if columns else 1), packer)


def pack_sample(rows: Iterable[tuple[int, list[str]]], packer: RowPacker) -> Iterator[SampleRow]:
    """Chosen rows as jobs, without invalid ones."""
    for line, cells in rows:
        try:
            yield SampleRow(line, packer.pack(cells))
        except BadRow:
            continue


def _sample(prepared: Prepared, most: int) -> Iterator[SampleRow]:
    layout, message = prepared.file.layout, prepared.message
    columns = message.content.columns
    packer = RowPacker(layout, columns, message.rules)
    return sample_of(islice(prepared.file.records(), layout.limit), layout, columns, packer, most)


def choose(
    records: Iterable[Record], places: Sequence[int], most: int
) -> list[tuple[int, list[str]]]:
    """The records that a `Sampler` keeps."""
    sampler = Sampler(places, most)
    for _ in sampler.watch(records):
        if most == 1 and sampler.first:
            break
    return sampler.rows()


class Sampler:
    """Keeps line and cells of the first and last rows, and of those with the longest cells at `places`.

    The columns share half of `most`; the first and the last rows get a quarter each.
    """

    def __init__(self, places: Sequence[int], most: int) -> None:
        self._most = most
        self._quarter = max(1, most // 4)
        self.first: list[tuple[int, list[str]]] = []
        self._last: deque[tuple[int, list[str]]] = deque(maxlen=self._quarter)
        self._longest = _Longest(places, most // 2)

    def watch(self, records: Iterable[Record]) -> Iterator[Record]:
        """Sample the records, and pass them on."""
        first, keep_last, check = self.first, self._last.append, self._longest.check
        for record in records:
            cells, line = record[0], record[1]
            if not isinstance(cells, BadRow):
                if len(first) < self._quarter:
                    first.append((line, cells))
                keep_last((line, cells))
                check(line, cells)
            yield record

    def rows(self) -> list[tuple[int, list[str]]]:
        """The kept rows, in the order of the file."""
        kept = dict([*self.first, *self._last, *self._longest.rows()])
        return sorted(kept.items())[: self._most]


class _Longest:
    """Keeps the rows with the longest cells, some for each column."""

    def __init__(self, places: Sequence[int], most: int) -> None:
        self._keep = max(1, most // max(1, len(places)))
        self._heaps: list[tuple[int, list[tuple[int, int, list[str]]]]] = [(p, []) for p in places]

    def check(self, line: int, cells: list[str]) -> None:
        for place, heap in self._heaps:
            length = len(cells[place]) if place < len(cells) else 0
            if len(heap) < self._keep:
                heappush(heap, (length, -line, cells))
            elif length > heap[0][0]:
                heapreplace(heap, (length, -line, cells))

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        for _, heap in self._heaps:
            for _, line, cells in heap:
                yield -line, cells


def _findings(error: MessageError, rows: Sequence[SampleRow]) -> list[Finding]:
    """One finding for each broken rule, with the first row that breaks it."""
    lines: dict[tuple[str, str], list[int]] = {}
    words: dict[tuple[str, str], str] = {}
    for problem in error.problems:
        found = _OF_A_MESSAGE.fullmatch(problem.path)
        path = found[2] if found else problem.path
        key = (path, problem.rule.partition(", got ")[0])  # the value differs from row to row
        words.setdefault(key, problem.rule)
        lines.setdefault(key, []).extend([rows[int(found[1])].line] if found else [])
    return [
        _finding(path, words[path, rule], where, len(rows)) for (path, rule), where in lines.items()
    ]


def _finding(path: str, rule: str, lines: Sequence[int], tried: int) -> Finding:
    where = f"line {lines[0]} of the recipients: " if lines else ""
    more = f" (and {len(lines) - 1} more of the {tried} rows tried)" if len(lines) > 1 else ""
    return Finding(Severity.ERROR, path, f"{where}{rule}{more}")


def _too_long(
    messages: Sequence[Message], rows: Sequence[SampleRow], template: RegisteredTemplate
) -> Iterator[Finding]:
    body = template.part("BODY")
    if body is None or not body.placeholders:
        return
    found = [
        (row.line, length)
        for row, message in zip(rows, messages, strict=True)
        if (length := len(fill(body.text, _body_values(message.emit())))) > LONGEST_FILLED
    ]
    if found:
        rule = f"at most {LONGEST_FILLED} characters with the values filled in, got {found[0][1]}"
        lines = [line for line, _ in found]
        yield _finding("content.template.components", rule, lines, len(rows))


def _body_values(message: dict[str, Any]) -> list[str]:
    components = message["content"]["template"].get("components") or ()
    bodies = [part for part in components if part["type"] == "body"]
    parameters = bodies[0].get("parameters") or () if bodies else ()
    return [parameter.get("text", "") for parameter in parameters]


def findings_about(
    settings: Settings,
    sub_account: str,
    message: Mapping[str, Any],
    try_rows: Callable[[RegisteredTemplate | None], list[Finding]],
    *,
    offline: bool = False,
) -> tuple[list[Finding], RegisteredTemplate | None]:
    """Compare a message with the registered templates, and validate it with some rows; returns the
    template, too.

    The templates are looked up if account and channel are configured, and not `offline`; a failure is
    only a warning. It blocks.

    Args:
        try_rows: takes the template or None, and returns the problems of some rows' messages.

    Raises:
        SettingsError: the API key cannot be read.
    """
    if offline or not has_templates(settings, sub_account):
        return try_rows(None), None
    try:
        registered = _registered(settings, sub_account)
    except ProviderError as error:
        words = f"The templates could not be looked up, so the message was not compared. {error}"
        return [*try_rows(None), Finding(Severity.WARNING, "", words)], None
    template = find_template(message, registered)
    return [*compare(message, registered), *try_rows(template)], template


def findings_of(
    settings: Settings, prepared: Prepared, *, offline: bool
) -> tuple[list[Finding], RegisteredTemplate | None]:
    """The same for a launch with checked files, with some of its rows."""
    return findings_about(
        settings,
        prepared.launch.sub_account,
        prepared.message.document,
        partial(check_sample, prepared),
        offline=offline,
    )


def stops(findings: Sequence[Finding]) -> bool:
    """True if a finding means that messages would be refused."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def _registered(settings: Settings, sub_account: str) -> tuple[RegisteredTemplate, ...]:
    account = template_account(settings, sub_account)
    return ask(settings, account, lambda calls: calls.list_templates())


def warn_of_windows(
    store: Store, content: CompiledContent, sub_account: str, policies: Policies
) -> list[str]:
    """Warnings about a campaign whose message needs an open service window (provider docs, WhatsApp
    rules); none for templates, and with fallback channels.

    Raises:
        StoreUnavailable: it is unknown whether replies have arrived.
    """
    if not content_needs_window(content):
        return []
    heard = store.run(last_reply(sub_account)) > 0
    if policies.window == "skip" or (policies.window == "auto" and heard):
        return [
            "The message is no template: it goes only to those who have written within 24 hours; "
            "the others are skipped (--window send sends it to all)."
        ]
    why = "" if heard else f", and no reply to {sub_account} has been received so far"
    return [
        "The message is no template: WhatsApp refuses it for everybody who has not written within "
        f"24 hours (receipt code 1022){why}. It is sent to all; send a template, or use --window skip."
    ]

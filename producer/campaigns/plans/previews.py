"""Messages of a campaign as they are displayed, and the longest values in them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from chatapps.rendering.compiled import CompiledContent
from chatapps.templates import RegisteredTemplate, fill
from producer.campaigns.preflight import SampleRow
from producer.files.phone_numbers import mask

PREVIEWS = 3


class LongestValue(BaseModel):
    """The longest value of a placeholder."""

    column: str
    line: int
    length: int
    value: str


class Preview(BaseModel):
    """A message as displayed."""

    line: int
    to: str  # most digits masked
    header: str
    text: str
    footer: str
    buttons: list[str]
    message: dict[str, Any]  # as it is sent, without the recipient


def _values(row: SampleRow) -> list[str]:
    return [json.loads(b'"%b"' % value) for value in row.job.split(b"\t")[1:]]


def longest_values(content: CompiledContent, sample: Sequence[SampleRow]) -> Iterator[LongestValue]:
    """The longest value of each column in the sample."""
    found = [(row.line, _values(row)) for row in sample]
    for place, column in enumerate(content.columns):
        if found:
            line, values = max(found, key=lambda one: len(one[1][place]))
            value = values[place]
            yield LongestValue(column=column, line=line, length=len(value), value=value)


def rendered(content: CompiledContent, jobs: Sequence[bytes]) -> list[dict[str, Any]]:
    """The messages of jobs as they are sent, without their people."""
    body = json.loads(
        content.renderer("plan").render("plan", [(n, 1, job) for n, job in enumerate(jobs)])
    )
    own = ("user", "clientMessageId")
    return [
        {**body.get("template", {}), **{k: v for k, v in message.items() if k not in own}}
        for message in body["messages"]
    ]


def previews_of(
    content: CompiledContent, sample: Sequence[SampleRow], template: RegisteredTemplate | None
) -> Iterator[Preview]:
    """The first row, the one with the longest values, and the last."""
    if not sample:
        return
    longest = max(range(len(sample)), key=lambda place: len(sample[place].job))
    places = list(dict.fromkeys([0, longest, len(sample) - 1, *range(len(sample))]))[:PREVIEWS]
    rows = [sample[place] for place in sorted(places)]
    for row, message in zip(rows, rendered(content, [row.job for row in rows]), strict=True):
        yield Preview(
            line=row.line,
            to=mask(row.job.partition(b"\t")[0].decode()),
            message=message,
            **_seen(message["content"], template),
        )


def _seen(content: Mapping[str, Any], template: RegisteredTemplate | None) -> dict[str, Any]:
    """The displayed content: the whole registered template, or the message's text."""
    if template is None:
        told = content.get("text") or content.get("caption") or content.get("body", "")
        text = told.get("text", "") if isinstance(told, Mapping) else str(told)
        return {"header": "", "text": text, "footer": "", "buttons": []}
    given = (content.get("template") or {}).get("components") or ()
    values = {
        str(part.get("type", "")).upper(): [
            str(parameter.get("text") or parameter.get("url") or parameter.get("type", ""))
            for parameter in part.get("parameters") or ()
        ]
        for part in given
    }

    def filled(kind: str) -> str:
        part = template.part(kind)
        return fill(part.text or part.format, values.get(kind, ())) if part else ""

    return {
        "header": filled("HEADER"),
        "text": filled("BODY"),
        "footer": filled("FOOTER"),
        "buttons": [button.text or button.type for button in template.buttons],
    }

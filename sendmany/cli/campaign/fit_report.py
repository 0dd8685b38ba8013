"""What speaks against a launch, told before anything is stored."""

from collections.abc import Sequence

import typer

from chatapps.preflight import Finding, Severity
from dashboard.explain import several
from producer.campaigns.fit import stops
from sendmany.console.output import print_json, say


def report(findings: Sequence[Finding], *, force: bool, as_json: bool) -> None:
    """Tell the findings, and end the command with exit code 1 if they stop the launch."""
    stopped = stops(findings) and not force
    if stopped:
        say("sendmany: Nothing was launched: the provider would refuse messages.")
    for finding in findings:
        say(_line(finding))
    if not stopped:
        return
    faults = sum(finding.severity is Severity.ERROR for finding in findings)
    say(f"{several(faults, 'fault')}. Mend the message, or launch all the same with --force.")
    if as_json:
        print_json({"launched": False, "findings": [_as_json(finding) for finding in findings]})
    raise typer.Exit(1)


def _line(finding: Finding) -> str:
    mark = "✗" if finding.severity is Severity.ERROR else "Note:"
    place = f"\n    at {finding.path}" if finding.path else ""
    return f"  {mark} {finding.text}{place}"


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "severity": str(finding.severity),
        "path": finding.path,
        "text": finding.text,
    }

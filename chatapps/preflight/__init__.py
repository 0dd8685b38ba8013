"""Compares a campaign's message with its registered template before the launch.

for finding in compare(message, read_template_list(answer)):
    print(finding.severity, finding.path, finding.text)

Texts are written for authors of messages, not for programmers; no I/O.
"""

from chatapps.preflight.compare import compare, find_template
from chatapps.preflight.findings import Finding, Severity

__all__ = ["Finding", "Severity", "compare", "find_template"]

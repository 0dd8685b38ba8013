"""Does a campaign's message fit the template that is registered for it? Asked before the launch.

for finding in compare(message, read_template_list(answer)):
    print(finding.severity, finding.path, finding.text)

In words for people who write messages, not programs; no I/O.
"""

from chatapps.preflight.compare import compare, find_template
from chatapps.preflight.findings import Finding, Severity

__all__ = ["Finding", "Severity", "compare", "find_template"]

"""The page about metrics says what the code says."""

import re
from pathlib import Path

import yaml

from tests.unit.deploy.promql import SHOWN

PAGE = (Path(__file__).parents[3] / "docs/how-to/metrics.md").read_text("utf-8")


def blocks() -> list[str]:
    """The YAML of the page: the scrape configuration, and the file of the rules."""
    return re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


SCRAPE, RULES = map(yaml.safe_load, blocks())


def _labels(labels: tuple[str, ...]) -> str:
    return ", ".join(f"`{label}`" for label in labels) or "–"  # noqa: RUF001 (as the page writes it)


def test_the_table_lists_every_metric_with_what_it_means_and_no_other() -> None:
    rows = re.findall(r"^\| `(sendmany_\w+)` \| (\w+) \| (.+?) \| (.+) \|$", PAGE, re.MULTILINE)
    shown = {name: (kind, _labels(labels), why) for name, (kind, labels, why) in SHOWN.items()}
    assert {name: tuple(rest) for name, *rest in rows} == shown


def test_the_scrape_configuration_sends_a_token() -> None:
    (job,) = SCRAPE["scrape_configs"]
    assert "credentials_file" in job["authorization"]
    assert job.get("metrics_path", "/metrics") == "/metrics"


def test_the_page_names_the_file_of_the_alerts() -> None:
    assert "`deploy/prometheus/alerts.yml`" in PAGE
    assert RULES == {"rule_files": ["alerts.yml"]}

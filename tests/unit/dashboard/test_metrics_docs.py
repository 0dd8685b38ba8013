"""The page about metrics says what the code says."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboard.metrics import HTTP_REQUESTS, STANDING
from store.lanes.lane import LaneStatus, Priority
from store.metrics.counters import COUNTED
from store.states import OPEN_STATES, State

PAGE = (Path(__file__).parents[3] / "docs/how-to/metrics.md").read_text("utf-8")
RUNBOOKS = (Path(__file__).parents[3] / "docs/how-to/on-call.md").read_text("utf-8")
SUFFIXES = ("_bucket", "_count", "_sum")


def shown() -> dict[str, tuple[str, str, str]]:
    """Kind, labels and meaning of every metric, by its name."""
    found = {}
    for counted in (*COUNTED, HTTP_REQUESTS):
        kind, end = ("histogram", "") if counted.bounds else ("counter", "_total")
        found[counted.name + end] = (kind, _labels(counted.labels), counted.meaning)
    for one in STANDING:
        kind, end = ("counter", "_total") if one.is_sum else ("gauge", "")
        found[one.name + end] = (kind, _labels(one.labels), one.meaning)
    return found


def _labels(labels: tuple[str, ...]) -> str:
    return ", ".join(f"`{label}`" for label in labels) or "–"  # noqa: RUF001 (as the page writes it)


SHOWN = shown()


def blocks() -> list[Any]:
    """The YAML of the page: the scrape configuration, and the rules."""
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


SCRAPE, RULES = blocks()
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]


def test_the_table_lists_every_metric_with_what_it_means_and_no_other() -> None:
    rows = re.findall(r"^\| `(sendmany_\w+)` \| (\w+) \| (.+?) \| (.+) \|$", PAGE, re.MULTILINE)
    assert {name: tuple(rest) for name, *rest in rows} == SHOWN


def test_the_scrape_configuration_sends_a_token() -> None:
    (job,) = SCRAPE["scrape_configs"]
    assert "credentials_file" in job["authorization"]
    assert job.get("metrics_path", "/metrics") == "/metrics"


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    names = re.findall(r"\bsendmany_\w+", rule["expr"])
    assert names
    known = set[str]()
    for name in names:
        base = name
        for suffix in SUFFIXES:
            base = base.removesuffix(suffix)
        assert base in SHOWN
        known |= set(re.findall(r"`(\w+)`", SHOWN[base][1])) | {"le"}
    asked = re.findall(r"by \(([^)]*)\)", rule["expr"])
    asked += re.findall(r"(\w+)=~?\"", rule["expr"])
    assert {label.strip() for words in asked for label in words.split(",")} <= known
    assert rule["annotations"]["summary"].endswith((".", "`."))


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_words_that_are_written(rule: dict[str, Any]) -> None:
    written = {*State, *LaneStatus, *Priority, *OPEN_STATES}
    for value in re.findall(r"=~?\"([^\"]*)\"", rule["expr"]):
        assert set(value.split("|")) <= written


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_leads_to_a_runbook_of_its_own(rule: dict[str, Any]) -> None:
    assert rule["annotations"]["runbook_url"].endswith(f"/on-call/#{rule['alert'].lower()}")
    assert f"\n## {rule['alert']}\n\n" in RUNBOOKS


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_the_brackets_of_an_alert_close(rule: dict[str, Any]) -> None:
    pairs, open_ = {")": "(", "}": "{", "]": "["}, list[str]()
    for sign in re.sub(r"\"[^\"]*\"", "", rule["expr"]):
        if sign in pairs.values():
            open_.append(sign)
        elif sign in pairs:
            assert open_.pop() == pairs[sign]
    assert not open_


def test_there_are_six_alerts_at_least_and_each_has_a_name_of_its_own() -> None:
    names = [rule["alert"] for rule in ALERTS]
    assert len(names) == len(set(names)) >= 6

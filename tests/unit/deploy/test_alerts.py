"""Alerts ask for metrics that there are, lead to a runbook, and are shown to promtool in both states."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.deploy.promql import problems

ROOT = Path(__file__).parents[3]
RULES = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text("utf-8"))
SITUATIONS = yaml.safe_load((ROOT / "deploy/prometheus/alerts_test.yml").read_text("utf-8"))
RUNBOOKS = (ROOT / "docs/how-to/on-call.md").read_text("utf-8")
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
each = pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])


@each
def test_an_alert_asks_for_metrics_labels_and_words_that_there_are(rule: dict[str, Any]) -> None:
    assert not list(problems(rule["expr"]))


@pytest.mark.parametrize(
    ("expr", "problem"),
    [
        ("sendmany_gone > 0", "no metric sendmany_gone"),
        ("sum by (lane) (sendmany_messages)", "no label lane"),
        ('sendmany_messages{state="lost"}', "no state lost"),
        ("sum(rate(sendmany_sent_total[5m])", "brackets do not close"),
        ("up == 0", "asks for no metric"),
    ],
)
def test_an_expression_that_asks_for_what_is_not_there_is_noticed(expr: str, problem: str) -> None:
    assert list(problems(expr)) == [problem]


@each
def test_an_alert_leads_to_a_runbook_of_its_own(rule: dict[str, Any]) -> None:
    assert rule["annotations"]["runbook_url"].endswith(f"/on-call/#{rule['alert'].lower()}")
    assert f"\n## {rule['alert']}\n\n" in RUNBOOKS


@each
def test_an_alert_says_in_a_sentence_what_is_wrong_and_how_urgent_it_is(
    rule: dict[str, Any],
) -> None:
    assert rule["annotations"]["summary"].endswith((".", "`."))
    assert rule["labels"]["severity"] in ("page", "ticket")


def test_each_alert_has_a_name_of_its_own() -> None:
    names = [rule["alert"] for rule in ALERTS]
    assert len(names) == len(set(names)) >= 10


@each
def test_promtool_shows_an_alert_when_it_goes_off_and_when_it_does_not(
    rule: dict[str, Any],
) -> None:
    shown = [
        bool(case.get("exp_alerts"))
        for one in SITUATIONS["tests"]
        for case in one["alert_rule_test"]
        if case["alertname"] == rule["alert"]
    ]
    assert set(shown) == {True, False}

"""The dashboards ask for metrics that there are; each alert has a panel."""

import itertools
import json
import re
from typing import Any

import pytest
import yaml

from tests.unit.deploy.product import DEPLOY
from tests.unit.deploy.promql import problems

BOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((DEPLOY / "grafana").glob("*.json"))
}
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"]]
ids = [f"{name}: {panel['title']}" for name, panel in PANELS]
each = pytest.mark.parametrize(("board", "panel"), PANELS, ids=ids)


def test_there_are_three_with_addresses_of_their_own() -> None:
    assert BOARDS.keys() == {"overview", "campaign", "on-call"}
    assert {board["uid"] for board in BOARDS.values()} == {f"sendmany-{name}" for name in BOARDS}


@each
def test_a_panel_asks_for_metrics_labels_and_words_that_there_are(
    board: str, panel: dict[str, Any]
) -> None:
    for target in panel["targets"]:
        assert not list(problems(target["expr"]))
        shown = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
        grouped = re.findall(r"by \(([^)]*)\)", target["expr"])
        kept = {label.strip() for words in grouped for label in words.split(",")} - {"le"}
        assert shown == (kept or shown & {"instance"})


@each
def test_a_panel_uses_only_variables_of_its_board(board: str, panel: dict[str, Any]) -> None:
    known = {one["name"] for one in BOARDS[board]["templating"]["list"]} | {"__rate_interval"}
    assert set(re.findall(r"\$(\w+)", json.dumps(panel))) <= known
    assert panel["datasource"] == {"type": "prometheus", "uid": "$datasource"}


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_panels_lie_side_by_side_on_24_columns(board: dict[str, Any]) -> None:
    taken = set[tuple[int, int]]()
    for panel in board["panels"]:
        grid = panel["gridPos"]
        columns = range(grid["x"], grid["x"] + grid["w"])
        cells = set(itertools.product(columns, range(grid["y"], grid["y"] + grid["h"])))
        assert columns.stop <= 24
        assert not taken & cells
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_each_alert_has_a_panel_with_its_threshold_and_its_runbook() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text("utf-8"))
    alerts = {rule["alert"]: rule for group in rules["groups"] for rule in group["rules"]}
    panels = {panel["title"]: panel for panel in BOARDS["on-call"]["panels"]}
    assert panels.keys() == alerts.keys()
    for name, panel in panels.items():
        rule = alerts[name]
        assert [link["url"] for link in panel["links"]] == [rule["annotations"]["runbook_url"]]
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {"steps": []})["steps"]
        for step in steps[1:]:
            assert step["value"] == 1 or f"> {step['value']:g}" in rule["expr"]

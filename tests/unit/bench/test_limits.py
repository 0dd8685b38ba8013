"""`python -m bench.limits --json`."""

import json
import sys

import pytest

from bench.limits import main


def test_the_figures_of_a_scene_are_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bench.limits", "--json", "--seeds", "1", "--only", "20 to 1,000"]
    monkeypatch.setattr(sys, "argv", words)
    assert main() == 0
    (scene,) = json.loads(capsys.readouterr().out)["scenarios"]
    assert (scene["name"], scene["kind"]) == ("20 to 1,000", "virtual")
    assert 0.4 < scene["used_share"] < 1
    assert scene["throttled_share"] == 0
    assert 60 < scene["settled_s"] < 600

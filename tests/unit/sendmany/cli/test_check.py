"""`sendmany check`, as it is typed."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from sendmany.cli.application import app

MESSAGE: dict[str, Any] = {
    "user": {"msisdn": "+447700900123"},
    "type": "text",
    "content": {"text": "The boat leaves at noon 🧢"},
}


@pytest.fixture
def sound(tmp_path: Path) -> str:
    path = tmp_path / "sound.json"
    path.write_text(json.dumps(MESSAGE | {"type": "Text"}), encoding="utf-8")
    return str(path)


@pytest.fixture
def broken(tmp_path: Path) -> str:
    path = tmp_path / "broken.json"
    path.write_text('{"type": "text", "content": {}}', encoding="utf-8")
    return str(path)


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["check", *arguments], input=stdin)


def records(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_sound_file_is_shown_as_it_would_be_sent(sound: str) -> None:
    result = run(sound)

    assert result.exit_code == 0
    head, body = result.stdout.split("\n", 1)
    assert head == f"{sound}: a sound message."
    assert json.loads(body) == MESSAGE


def test_a_refused_file_is_told_by_place_and_rule(broken: str) -> None:
    result = run(broken)

    assert result.exit_code == 1
    assert result.stdout == f"{broken}: refused as a message.\n  - content.text: is required\n"


def test_one_refused_file_among_others_decides_the_exit_code(sound: str, broken: str) -> None:
    assert run(sound, sound).exit_code == 0
    assert run(broken, sound).exit_code == 1


def test_json_is_one_object_a_file_on_a_line_of_its_own(sound: str, broken: str) -> None:
    result = run("--json", sound, broken)

    assert result.exit_code == 1
    assert records(result) == [
        {"file": sound, "kind": "message", "ok": True, "emitted": MESSAGE, "errors": []},
        {
            "file": broken,
            "kind": "message",
            "ok": False,
            "emitted": None,
            "errors": ["content.text: is required"],
        },
    ]


def test_a_missing_file_and_a_folder_are_refused_not_crashed_on(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.json")

    result = run("--json", missing, str(tmp_path))

    assert result.exit_code == 1
    assert [record["errors"] for record in records(result)] == [
        ["there is no such file"],
        ["cannot be read: Is a directory"],
    ]


def test_a_dash_reads_stdin() -> None:
    result = run("--json", "-", stdin=json.dumps(MESSAGE).encode())

    assert result.exit_code == 0
    assert records(result)[0]["file"] == "-"
    assert run("-", stdin=b"nonsense").exit_code == 1


def test_the_kind_can_be_said(sound: str) -> None:
    result = run("--json", "--as", "batch", sound)

    assert result.exit_code == 1
    assert records(result)[0]["kind"] == "batch"
    assert run("--as", "letter", sound).exit_code == 2


def test_at_least_one_file_is_needed() -> None:
    assert run().exit_code == 2

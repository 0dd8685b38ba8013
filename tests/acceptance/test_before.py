"""The session of the page about what comes before a launch, as it is written there."""

import re
import shlex
from pathlib import Path

import pytest

from tests.acceptance.command import running, sendmany, until

PAGE = (Path(__file__).parents[2] / "docs/how-to/before.md").read_text("utf-8")


@pytest.mark.long
def test_the_session_of_the_page_works_as_it_stands(tmp_path: Path) -> None:
    for name, text in re.findall(r'```\w+ title="(\S+\.\w+)"\n(.*?)```', PAGE, re.DOTALL):
        (tmp_path / name).write_text(text)
    (session,) = re.findall(r'```sh title="in another terminal"\n(.*?)```', PAGE, re.DOTALL)
    with running(tmp_path, "up", "--sandbox", "--workers", 1) as up:
        until(up, lambda: "It is up" in (tmp_path / "out").read_text())
        said = [sendmany(tmp_path, *shlex.split(line)[1:]) for line in session.splitlines()]
    assert [one.code for one in said] == [0] * 5, said
    create, plan, _, test, launch = said
    assert '"Spring sale" is a draft; nothing is sent.' in create.out
    assert "3 of 3 people get it, marketing; nothing is stored yet." in plan.out
    assert "Hello Maximilian, everything for the garden is 25 % off until Sunday." in plan.out
    assert "accepted: the provider took it" in test.out
    assert '"Spring sale" is launched: 2 recipients.' in launch.out

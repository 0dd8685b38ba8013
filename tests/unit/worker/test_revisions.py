"""Revisions, in memory and in their file."""

from pathlib import Path

import pytest

from config.settings import Settings
from worker.revisions import Revisions, open_revisions

DAY = 86400


class Clock:
    now = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journals.json"


def _no_space(*_: object, **__: object) -> int:
    raise OSError(28, "No space left on device")


def test_the_highest_number_is_remembered() -> None:
    revisions = Revisions()
    assert revisions.known("a") == 0
    for number in (3, 7, 5):
        revisions.note("a", number)
    assert revisions.known("a") == 7
    assert revisions.unfinished() == ["a"]


def test_an_end_is_remembered_and_a_late_answer_does_not_undo_it() -> None:
    revisions = Revisions()
    revisions.note("a", 7, ended=True)
    revisions.note("a", 6)
    assert revisions.unfinished() == []
    revisions.note("a", 8)  # an operator has had some of it sent again
    assert revisions.unfinished() == ["a"]


def test_what_was_saved_is_known_after_a_restart(path: Path) -> None:
    revisions = Revisions(path)
    revisions.note("a", 7)
    revisions.note("b", 3, ended=True)
    revisions.save()
    again = Revisions(path)
    assert (again.known("a"), again.known("b"), again.unfinished()) == (7, 3, ["a"])


def test_processes_that_save_add_to_what_others_saved(path: Path) -> None:
    one, other = Revisions(path), Revisions(path)
    one.note("a", 7)
    one.note("b", 1)
    one.save()
    other.note("a", 5)
    other.note("c", 2)
    other.save()
    assert {lane: Revisions(path).known(lane) for lane in "abc"} == {"a": 7, "b": 1, "c": 2}
    assert other.known("b") == 1


def test_a_lane_that_is_gone_is_not_learned_again_from_the_file(path: Path) -> None:
    revisions = Revisions(path)
    revisions.note("a", 7)
    revisions.save()
    revisions.forget("a")
    revisions.note("b", 1)
    revisions.save()
    assert Revisions(path).known("a") == 0


def test_a_lane_that_may_have_expired_is_forgotten(path: Path) -> None:
    clock = Clock()
    revisions = Revisions(path, keep=DAY, wall_clock=clock)
    revisions.note("a", 7)
    revisions.save()
    clock.now += DAY + 1
    assert revisions.unfinished() == []
    assert Revisions(path, keep=DAY, wall_clock=clock).known("a") == 0


def test_the_file_is_written_at_most_once_a_second(path: Path) -> None:
    clock = Clock()
    revisions = Revisions(path, wall_clock=clock)
    for number, later in ((1, 0.0), (2, 0.9), (3, 0.2)):
        clock.now += later
        revisions.note("a", number)
        revisions.save_if_due()
        assert Revisions(path, wall_clock=clock).known("a") == (3 if number == 3 else 1)


def test_nothing_is_written_when_nothing_is_new(path: Path) -> None:
    revisions = Revisions(path)
    revisions.save()
    assert not path.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{broken",
        "[" * 100_000,
        '{"a": 7}',
        '{"a": {"number": 1}}',
        '{"a": {"revision": 9, "seen_at": null}}',
        '{"a": {"revision": "9", "seen_at": 9000000000}}',
    ],
)
def test_a_file_that_cannot_be_read_is_begun_again(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    revisions = Revisions(path)
    assert revisions.known("a") == 0
    revisions.note("a", 7)
    revisions.save()
    assert Revisions(path).known("a") == 7


def test_a_place_that_cannot_be_written_to_leaves_the_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    revisions = Revisions(tmp_path / "file" / "journals.json")
    revisions.note("a", 7)
    revisions.save()
    assert revisions.known("a") == 7


def test_a_disk_that_was_full_for_a_while_is_written_to_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    revisions = Revisions(path)
    revisions.note("a", 7)
    with monkeypatch.context() as full:
        full.setattr("worker.revisions.write_private", _no_space)
        revisions.save()
    assert not path.exists()
    revisions.save()
    assert Revisions(path).known("a") == 7


def test_every_redis_has_a_file_and_campaigns_are_known_at_another_one(tmp_path: Path) -> None:
    first, other = (
        Settings(state_dir=tmp_path, redis_url=f"redis://127.0.0.1:{n}") for n in (1, 2)
    )
    revisions = open_revisions(first)
    revisions.note("spring-a1b2c3", 7, ended=True)
    revisions.note("n-a1b2c3-n250615", 9)
    revisions.save()
    restored = open_revisions(other)
    assert (restored.known("spring-a1b2c3"), restored.unfinished()) == (7, [])
    assert restored.known("n-a1b2c3-n250615") == 0, "its id is the same everywhere"
    restored.note("spring-a1b2c3", 5)
    assert restored.known("spring-a1b2c3") == 7
    restored.forget("spring-a1b2c3")
    assert restored.known("spring-a1b2c3") == 0
    restored.save()
    assert len(list(tmp_path.glob("journals-*.json"))) == 2


def test_servers_used_in_turns_know_what_each_of_them_sent(tmp_path: Path) -> None:
    servers = [Settings(state_dir=tmp_path, redis_url=f"redis://127.0.0.1:{n}") for n in range(4)]
    for server, revision in zip(servers, (5, 9, 6, 3), strict=True):
        revisions = open_revisions(server)
        revisions.note("spring-a1b2c3", revision)
        revisions.save()
    for server in servers:  # the first has its own, lower number
        assert open_revisions(server).known("spring-a1b2c3") == 9
    (tmp_path / "journals-broken.json").write_text('{"a": {"revision": 9, "seen_at": null}}')
    assert open_revisions(servers[0]).known("spring-a1b2c3") == 9

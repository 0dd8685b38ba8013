"""Settings and addresses of the local processes."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from config.sections import SettingsError
from config.settings import Settings
from sendmany.api.sockets import address, listen, listen_or_anywhere
from sendmany.errors import ProcessError
from sendmany.local.embedded_redis import EmbeddedServer, find_server
from sendmany.local.stack import Local, LocalPlan, Receiver, Sandbox, WebPlan
from sendmany.local.up import UpPlan, describe, local_plan


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SENDMANY_SUB_ACCOUNTS", raising=False)


def accounts_of(local: Local) -> dict[str, dict[str, object]]:
    local.sandbox_url = "http://127.0.0.1:1"
    local._use_sandbox()
    found: dict[str, dict[str, object]] = json.loads(local.environment["SENDMANY_SUB_ACCOUNTS"])
    return found


def test_the_sandbox_joins_the_sub_accounts_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SENDMANY_SUB_ACCOUNTS", json.dumps({"Shop": {"region": "us"}}))
    accounts = accounts_of(Local(LocalPlan(tmp_path)))
    assert accounts["Shop"] == {"region": "us"}
    assert accounts["sandbox"]["base_url"] == "http://127.0.0.1:1"
    assert accounts["sandbox"]["messages_per_second"] == 0


def test_limits_that_are_given_hold_for_the_sandbox_too(tmp_path: Path) -> None:
    settings = Settings(
        sub_accounts={"sandbox": {"base_url": "http://real", "messages_per_second": 5}}
    )
    plan = local_plan(UpPlan(tmp_path, Sandbox(), 2), settings)
    account = accounts_of(Local(plan))["sandbox"]
    assert account["messages_per_second"] == 5
    assert account["requests_per_second"] == 0
    assert account["base_url"] == "http://127.0.0.1:1"  # never the real one


def test_a_server_of_our_own_runs_only_where_none_is_configured(tmp_path: Path) -> None:
    plan = UpPlan(tmp_path, None, 2)
    assert local_plan(plan, Settings()).embedded
    assert not local_plan(plan, Settings(redis_url="redis://somewhere")).embedded


def test_a_long_home_still_gets_a_socket_that_the_system_takes(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / ("long" * 30))
    assert len(server.url) < 110
    server.stop()


def test_a_directory_that_the_server_cannot_have_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "redis").touch()
    with pytest.raises(ProcessError, match="redis cannot be made: File exists"):
        EmbeddedServer(tmp_path / "redis").start()


def test_a_worker_has_its_temporary_files_in_its_home_where_they_are_cleared_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[Mapping[str, str]] = []

    class Worker:
        def __init__(self, *_: object, env: Mapping[str, str]) -> None:
            started.append(env)
            (Path(env["TMPDIR"]) / "pymp-abc").mkdir()

        def stop(self, *_: object, **__: object) -> None:
            pass

        def exit_code(self) -> int | None:
            return None

    monkeypatch.setattr("sendmany.local.stack.start", Worker)
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        with Local(LocalPlan(Path(home), embedded=False)):
            assert Path(started[0]["TMPDIR"]).parent == Path(home)
        assert list(Path(home).iterdir()) == []


def test_a_long_home_leaves_temporary_files_where_their_paths_are_short(tmp_path: Path) -> None:
    assert Local(LocalPlan(tmp_path / ("long" * 20)))._temporary() == {}


def test_a_server_program_is_at_hand() -> None:
    assert find_server().is_file()


def test_a_receiver_runs_where_it_is_configured_or_asked_for(tmp_path: Path) -> None:
    plain, asked = UpPlan(tmp_path, Sandbox(), 2), UpPlan(tmp_path, Sandbox(), 2, webhooks=True)
    assert local_plan(plain, Settings()).receiver is None
    ours = [local_plan(asked, Settings()).receiver for _ in range(2)]
    assert ours[0] is not None
    assert len(ours[0].authorizations[0]) > 30
    assert ours[0] != ours[1]
    given = Settings(webhooks={"authorization": ["new", "old"]})
    for plan in (plain, asked, UpPlan(tmp_path, None, 2)):
        assert local_plan(plan, given).receiver == Receiver(("new", "old"))


def test_without_a_sandbox_somebody_must_say_whom_the_receiver_believes(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="authorization_env"):
        local_plan(UpPlan(tmp_path, None, 2, webhooks=True), Settings())


def test_the_secret_of_a_receiver_is_not_shown() -> None:
    assert "winter" not in repr(Receiver(("winter",)))


def test_the_web_process_listens_where_it_is_told_and_elsewhere_only_if_nobody_chose(
    tmp_path: Path,
) -> None:
    plan = UpPlan(tmp_path, None, 2)
    assert local_plan(plan, Settings()).web == WebPlan("127.0.0.1", 8080, or_any_port=True)
    chosen = Settings(web={"host": "::1", "port": 8000})
    assert local_plan(plan, chosen).web == WebPlan("::1", 8000, or_any_port=False)


def test_a_port_that_is_taken_is_a_fault_unless_any_will_do() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ProcessError, match=f"port {port}"):
            listen("127.0.0.1", port)
        with listen_or_anywhere("127.0.0.1", port) as other:
            assert address(other) != address(taken)
    with pytest.raises(ProcessError, match=r"no\.such\.host\.invalid"):
        listen_or_anywhere("no.such.host.invalid", 8080)


def test_a_port_that_was_taken_is_told_beside_the_one_that_was_found(tmp_path: Path) -> None:
    plan = UpPlan(tmp_path, None, 0)
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        local = Local(LocalPlan(tmp_path))
        local._listen(WebPlan(port=port, or_any_port=True))
        web = dict(describe(plan, Settings(), local))["web"]
        assert web == f"{local.web_url} (port {port} was taken), the page under /ui/"
        local.stop()
    local._listen(WebPlan(port=port, or_any_port=True))
    web = dict(describe(plan, Settings(), local))["web"]
    assert web == f"http://127.0.0.1:{port}, the page under /ui/"
    local.stop()

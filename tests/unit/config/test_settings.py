"""Where settings come from, what is said of wrong ones, and that keys stay secret."""

import errno
import fcntl
import json
import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config import running_instance
from config.running_instance import LOCK, NOTE
from config.sections import SettingsError, SubAccount
from config.settings import Settings, load_settings

KEY = "k3y-that-nobody-may-see"
Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Loads settings in an empty directory, from a TOML text and variables given without prefix."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SENDMANY_")]:
        monkeypatch.delenv(name)

    def _load(toml: str | None = None, **variables: str) -> Settings:
        if toml is not None:
            (tmp_path / "sendmany.toml").write_text(toml, "utf-8")
        for name, value in variables.items():
            monkeypatch.setenv(f"SENDMANY_{name}", value)
        load_settings.cache_clear()
        return load_settings()

    yield _load
    load_settings.cache_clear()


def _error(load: Load, toml: str | None = None, **variables: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(toml, **variables)
    return str(caught.value)


def test_without_file_and_environment_the_defaults_hold(load: Load) -> None:
    settings = load()
    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert settings.http.deadline == 30
    assert settings.sub_accounts == {}


def test_the_file_wins_over_defaults_and_the_environment_over_the_file(load: Load) -> None:
    settings = load("[http]\ndeadline = 20\nread_timeout = 10\n", HTTP__DEADLINE="15")
    assert settings.http.deadline == 15
    assert settings.http.read_timeout == 10
    assert settings.http.connect_timeout == 5


def test_sub_accounts_of_file_and_environment_are_joined(load: Load) -> None:
    in_environment = json.dumps({"Demo": {"burst": 7}, "Other": {}})
    settings = load('[sub_accounts.Demo]\nregion = "us"\n', SUB_ACCOUNTS=in_environment)
    assert settings.sub_accounts == {
        "Demo": SubAccount(region="us", burst=7),
        "Other": SubAccount(),
    }


def test_what_nobody_says_comes_from_a_sendmany_up_that_runs_here(
    load: Load, tmp_path: Path
) -> None:
    home = tmp_path / ".sendmany"
    home.mkdir()
    note = {"settings": {"redis_url": "unix:///up.sock", "log_level": "ERROR"}}
    (home / NOTE).write_text(json.dumps(note), "utf-8")
    assert load('log_level = "DEBUG"\n').redis_url == "redis://127.0.0.1:6379/0"
    with (home / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert load().redis_url == "unix:///up.sock"
        assert load().log_level == "DEBUG"
        assert load(REDIS_URL="redis://192.0.2.1").redis_url == "redis://192.0.2.1"


def test_a_list_is_given_as_json_in_the_environment(load: Load) -> None:
    assert load(WORKER__PRIORITIES='["urgent"]').worker.priorities == ["urgent"]


def test_the_file_may_be_named_by_the_environment(load: Load, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text('log_level = "DEBUG"\n', "utf-8")
    settings = load('log_level = "ERROR"\n', CONFIG=str(tmp_path / "elsewhere.toml"))
    assert settings.log_level == "DEBUG"


def test_a_file_that_is_named_and_missing_is_an_error(load: Load) -> None:
    assert "missing.toml" in _error(load, CONFIG="missing.toml")


@pytest.mark.parametrize(
    ("toml", "variables", "places"),
    [
        ("[http]\ndeadline = -1\n", {}, ["http.deadline", "sendmany.toml"]),
        ("[retry]\nwave_bse = 1\n", {}, ["retry.wave_bse"]),
        ("nonsense = 1\n", {}, ["nonsense"]),
        ('[sub_accounts.Demo]\nregion = "moon"\n', {}, ["sub_accounts.Demo.region"]),
        ('[sub_accounts."a b"]\n', {}, ["sub_accounts.a b"]),
        (None, {"LOG_LEVEL": "LOUD", "BATCH__MAX_MESSAGES": "1001"}, ["log_level", "batch.max_"]),
        (None, {"DEFAULT_REGION": "XX"}, ["default_region"]),
        (None, {"SUB_ACCOUNTS": "{"}, ["SENDMANY_SUB_ACCOUNTS"]),
        ('default_sub_account = "Nobody"\n', {}, ["default_sub_account", "Nobody"]),
        ("redis_url = \n", {}, ["sendmany.toml", "line 1"]),
        ("[worker]\nlease_seconds = 20\n", {}, ["worker.lease_seconds (20)", "http.deadline (30)"]),
        ("[policies]\nsettle_after = inf\n", {}, ["policies.settle_after"]),
        ("[policies]\nresend_floor = nan\n", {}, ["policies.resend_floor"]),
        ("[policies]\nmax_resends = -1\n", {}, ["policies.max_resends"]),
        ("[policies]\nresend_pauses = []\n", {}, ["policies.resend_pauses"]),
        (None, {"POLICIES__RESEND_PAUSES": "[5, 100000]"}, ["policies.resend_pauses.1"]),
        (None, {"HTTP__DEADLINE": "120"}, ["worker.lease_seconds (120)", "http.deadline (120)"]),
    ],
)
def test_a_wrong_value_is_named_with_its_place(
    load: Load, toml: str | None, variables: dict[str, str], places: list[str]
) -> None:
    message = _error(load, toml, **variables)
    assert all(place in message for place in places), message


def test_a_key_from_the_environment_is_found_and_never_shown(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATAPPS_API_KEY", KEY)
    settings = load('[sub_accounts.Demo]\napi_key_env = "CHATAPPS_API_KEY"\n')
    _assert_secret(settings)


def test_a_key_from_a_file_is_its_first_line_and_never_shown(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f" {KEY} \nsomething else\n", "utf-8")
    _assert_secret(load('[sub_accounts.Demo]\napi_key_file = "key"\n'))


def test_a_key_in_the_settings_is_found_and_never_shown(load: Load) -> None:
    _assert_secret(load(f'[sub_accounts.Demo]\napi_key = "{KEY}"\n'))


def _assert_secret(settings: Settings) -> None:
    key = settings.sub_accounts["Demo"].key()
    assert key is not None
    assert key.get_secret_value() == KEY
    for shown in (repr(settings), str(settings), repr(key), str(key), settings.model_dump_json()):
        assert KEY not in shown


@pytest.mark.parametrize("toml", ['api_key_env = "CHATAPPS_API_KEY"', 'api_key_file = "key"', ""])
def test_a_key_that_is_not_there_is_none(
    load: Load, toml: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHATAPPS_API_KEY", raising=False)
    (tmp_path / "key").write_text("\n", "utf-8")
    assert load(f"[sub_accounts.Demo]\n{toml}\n").sub_accounts["Demo"].key() is None


def test_a_key_file_that_cannot_be_read_is_named(load: Load) -> None:
    settings = load('[sub_accounts.Demo]\napi_key_file = "nowhere/key"\n')
    with pytest.raises(SettingsError, match="nowhere/key"):
        settings.sub_accounts["Demo"].key()


WRONG_WITH_A_KEY = [
    f'[sub_accounts.Demo]\napi_key = ["{KEY}"]\n',
    f'[sub_accounts.Demo]\napi_kee = "{KEY}"\n',
    f'default_sub_account = "Nobody"\n[sub_accounts.Demo]\napi_key = "{KEY}"\n',
    f'[sub_accounts.Demo]\napi_key = "{KEY}\n',
]


@pytest.mark.parametrize("toml", WRONG_WITH_A_KEY)
def test_an_error_does_not_show_a_key(load: Load, toml: str) -> None:
    assert KEY not in _error(load, toml)


def test_the_traceback_of_an_error_does_not_show_a_key(load: Load) -> None:
    for toml in WRONG_WITH_A_KEY:
        with pytest.raises(SettingsError) as caught:
            load(toml)
        assert KEY not in "".join(traceback.format_exception(caught.value))


def test_an_error_about_the_environment_does_not_show_a_key(load: Load) -> None:
    assert KEY not in _error(load, SUB_ACCOUNTS=f'{{"Demo": {{"api_key": "{KEY}"')


def test_the_broker_is_redis_unless_it_is_given(load: Load) -> None:
    assert load(REDIS_URL="redis://192.0.2.1/3").celery_url == "redis://192.0.2.1/3"
    assert load(BROKER_URL="redis://192.0.2.2/1").celery_url == "redis://192.0.2.2/1"
    assert load(BROKER_URL="").celery_url == "redis://192.0.2.1/3"


def test_the_only_sub_account_need_not_be_named(load: Load) -> None:
    assert load("[sub_accounts.Demo]\n").sub_account_id() == "Demo"


def test_the_wanted_sub_account_goes_before_the_default(load: Load) -> None:
    settings = load('default_sub_account = "One"\n[sub_accounts.One]\n[sub_accounts.Two]\n')
    assert settings.sub_account_id() == "One"
    assert settings.sub_account_id("Two") == "Two"


def test_one_of_several_sub_accounts_must_be_named(load: Load) -> None:
    settings = load("[sub_accounts.One]\n[sub_accounts.Two]\n")
    with pytest.raises(SettingsError, match=r"--sub-account \(configured: One, Two\)"):
        settings.sub_account_id()


def test_an_unknown_sub_account_is_refused_with_what_there_is(load: Load) -> None:
    with pytest.raises(SettingsError, match=r"'Three' is not configured \(configured: One\)"):
        load("[sub_accounts.One]\n").sub_account_id("Three")


def test_without_any_sub_account_the_error_says_how_to_add_one(load: Load) -> None:
    with pytest.raises(SettingsError, match=r"sendmany\.toml"):
        load().sub_account_id()


def test_the_region_gives_the_address_unless_one_is_given() -> None:
    assert SubAccount(region="europe").url == "https://chatapps.8x8.uk"
    given = SubAccount.model_validate({"base_url": "http://127.0.0.1:8088/"})
    assert given.url == "http://127.0.0.1:8088"


@pytest.mark.parametrize(
    ("rate", "burst", "expected"),
    [(1000, None, 500), (0, None, 500), (1, None, 1), (5000, None, 1000), (10, 7, 7)],
)
def test_the_burst_is_half_a_seconds_worth_within_bounds(
    rate: float, burst: int | None, expected: int
) -> None:
    assert SubAccount(messages_per_second=rate, burst=burst).burst_messages == expected


def test_a_file_that_cannot_be_read_is_told(load: Load, tmp_path: Path) -> None:
    told = "Make it a file that you may read, or name another one with SENDMANY_CONFIG."
    unreadable = Path("/proc/self/mem")
    if unreadable.exists():  # elsewhere, and unless one is root, mode 000 would do
        assert _error(load, CONFIG=str(unreadable)).endswith(f"Input/output error. {told}")
    (tmp_path / "folder").mkdir()
    assert _error(load, CONFIG="folder") == (
        f"The settings cannot be read (folder): Is a directory. {told}"
    )
    assert "which does not exist" in _error(load, CONFIG="nowhere.toml")


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_is_no_file_is_not_passed_over(load: Load, tmp_path: Path, kind: str) -> None:
    here = tmp_path / "sendmany.toml"
    if kind == "folder":
        here.mkdir()
    else:
        here.symlink_to(tmp_path / "nowhere")
    assert "sendmany.toml" in _error(load)


@pytest.mark.parametrize("region", ["GB", "gb"])
def test_a_region_may_be_written_small(load: Load, region: str) -> None:
    assert load(DEFAULT_REGION=region).default_region == "GB"


@pytest.mark.parametrize("region", ["XX", "Britain", "", "1"])
def test_a_region_that_there_is_not_is_refused(load: Load, region: str) -> None:
    told = _error(load, DEFAULT_REGION=region)
    assert f"{region!r} is no region: give two letters such as GB" in told


def test_a_state_directory_that_cannot_be_read_is_named(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(running_instance, "see_that_ours", refuse)
    told = _error(load)
    assert "The state directory .sendmany cannot be used (.sendmany: Permission denied)." in told
    assert load(REDIS_URL="redis://192.0.2.1").redis_url == "redis://192.0.2.1"


def test_a_state_directory_that_is_a_file_is_named(load: Load, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    told = _error(load, STATE_DIR=str(tmp_path / "state"))
    assert "state cannot be used" in told
    assert "Not a directory" in told


def test_a_list_of_something_else_than_tables_is_refused_in_our_words(load: Load) -> None:
    assert "reactions.0: give a table of settings." in _error(load, REACTIONS="[1]")


@pytest.mark.parametrize("prefix", ["shop", "shop:", "a.b-c_d:1:"])
def test_a_key_prefix_is_taken_as_it_stands(load: Load, prefix: str) -> None:
    assert load(KEY_PREFIX=prefix).key_prefix == prefix


@pytest.mark.parametrize("prefix", ["{shop}", "shop *", "ß:", "x" * 65])
def test_a_key_prefix_that_would_move_keys_to_another_shard_is_refused(
    load: Load, prefix: str
) -> None:
    assert "key_prefix: give at most 64 letters" in _error(load, KEY_PREFIX=prefix)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("REDIS", ": is SENDMANY_REDIS_URL meant?"),
        ("REDIS_URl2", ": is SENDMANY_REDIS_URL meant?"),
        ("WEB_PORT", ": is SENDMANY_WEB__PORT meant?"),
        ("HTTP_DEADLINE", ": is SENDMANY_HTTP__DEADLINE meant?"),
        ("XYZ", "."),
        ("XYZ__ABC", "."),
        ("", "."),
    ],
)
def test_a_variable_that_is_no_setting_is_refused(load: Load, name: str, hint: str) -> None:
    told = _error(load, **{name: "se/cret"})
    assert told == f"SENDMANY_{name} in the environment is no setting{hint}"


@pytest.mark.parametrize("name", ["sendmany_retention_days", "SENDMANY_Retention_Days"])
def test_a_variable_may_be_written_small(
    load: Load, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "7")
    assert load().retention_days == 7


def test_variables_that_settings_name_may_begin_like_settings(load: Load) -> None:
    toml = '[sub_accounts.Shop]\napi_key_env = "SENDMANY_SHOP_KEY"\n'
    names = '[webhooks]\nauthorization_env = ["SENDMANY_HOOK"]\n'
    assert load(toml + names, SHOP_KEY="key", HOOK="secret").sub_accounts["Shop"].key()
    assert "SENDMANY_HOOK in the environment" in _error(load, toml, SHOP_KEY="key", HOOK="secret")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVICE_HOST", "10.0.0.1"),
        ("SERVICE_PORT", "80"),
        ("WEB_SERVICE_PORT_HTTP", "80"),
        ("WEB_PORT", "tcp://10.0.0.1:80"),
        ("PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("WEB_PORT_80_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_what_kubernetes_adds_is_no_mistake(load: Load, name: str, value: str) -> None:
    assert load(**{name: value})


def test_sub_accounts_of_a_portfolio_have_one_tier() -> None:
    both = {"portfolio": "Group", "tier": 250}
    settings = Settings(sub_accounts={"shop": both, "bank": both, "else": {"tier": "unlimited"}})
    assert [settings.tier_of(name) for name in ("Group", "else")] == [250, 0]
    with pytest.raises(ValueError, match="portfolio Group have one tier"):
        Settings(sub_accounts={"shop": both, "bank": {"portfolio": "Group"}})

"""Bad input: one clear sentence, an exit code, and nothing half-launched. And help for each reader."""

from pathlib import Path

import pytest

from tests.acceptance.command import sendmany

ACCOUNTS = '{"Shop": {"base_url": "http://127.0.0.1:9", "api_key": "secret-key"}}'
NO_SERVER = "redis://user:secret-password@127.0.0.1:1/0"
LAUNCH = ["campaign", "launch", "Spring", "--recipients", "people.csv", "--message", "offer.json"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of all kinds, most of them wrong."""
    home = tmp_path_factory.mktemp("home")
    files = {
        "people.csv": b"msisdn,name\n+447700900123,Ada\n",
        "noise.csv": b"msisdn,name\n+447700900123,\xff\xfeAda\n",
        "offer.json": b'{"type": "text", "content": {"text": "Hello {{name}}"}}',
        "typo.json": b'{"type": "text", "content": {"text": "Hello {{nmae}}"}}',
        "broken.json": b'{"type": "text", ',
        "broken.toml": b"redis_url = ",
    }
    for name, content in files.items():
        (home / name).write_bytes(content)
    return home


def launch(**changes: str) -> list[str]:
    words = list(LAUNCH)
    for option, value in changes.items():
        words += [f"--{option.replace('_', '-')}", value]
    return words


@pytest.mark.parametrize(
    ("words", "settings", "hint"),
    [
        (launch(recipients="nobody.csv"), {}, "nobody.csv: there is no such file"),
        (launch(recipients="noise.csv"), {}, "line 2 is not UTF-8"),
        (launch(message="typo.json"), {}, 'unknown column "nmae" (did you mean "name"?)'),
        (launch(message="broken.json"), {}, "not JSON at line 1"),
        (launch(sub_account="Other"), {}, "'Other' is not configured (configured: Shop)"),
        (launch(), {"config": "broken.toml"}, "cannot be read (broken.toml)"),
        (["campaign", "show", "Spring"], {}, "sendmany up"),
        (["message", "send", "--to", "123", "--text", "x"], {}, "123 is no phone number"),
        (["worker"], {"http__deadline": "soon"}, "http.deadline"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_one_sentence(
    words: list[str], settings: dict[str, str], hint: str, home: Path
) -> None:
    ran = sendmany(home, *words, **{"sub_accounts": ACCOUNTS, "redis_url": NO_SERVER, **settings})
    assert ran.code == 1
    assert ran.out == ""
    assert ran.err.startswith("sendmany: ")
    assert ran.err.endswith("\n")
    assert ran.err.count("\n") == 1
    assert hint in ran.err
    assert not any(secret in ran.err for secret in ("secret", "900123", "Traceback"))


def test_the_doctor_says_what_is_wrong_and_what_to_do(home: Path) -> None:
    ran = sendmany(home, "doctor", "--offline", sub_accounts=ACCOUNTS, redis_url=NO_SERVER)
    assert ran.code == 1
    assert "ok       settings" in ran.out
    assert "problem  redis: No Redis answers at 127.0.0.1:1" in ran.out
    assert "ok       sub-account Shop: the key is there" in ran.out
    assert "secret" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("words", "speaks_of"),
    [
        ([], ["demo", "up", "sandbox", "worker", "campaign", "message", "doctor"]),
        (["campaign", "launch"], ["Example:", "--recipients", "--on-unconfirmed"]),
    ],
)
def test_help_is_written_for_its_reader(words: list[str], speaks_of: list[str], home: Path) -> None:
    ran = sendmany(home, *words, "--help")
    assert ran.code == 0
    assert all(word in ran.out for word in speaks_of)


def test_options_of_celery_pass_through_the_worker_command(home: Path) -> None:
    ran = sendmany(home, "worker", "--no-such-option-of-celery")
    assert ran.code == 2
    assert "no-such-option-of-celery" in ran.err

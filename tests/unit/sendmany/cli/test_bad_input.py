"""Bad input, command by command: one clear sentence, and nothing half-launched."""

import os
import sys
from pathlib import Path

import pytest

from config.settings import load_settings
from sendmany.cli.application import run

ACCOUNTS = '{"Shop": {"base_url": "http://127.0.0.1:9", "api_key": "secret-key"}}'
NO_SERVER = "redis://user:secret-password@127.0.0.1:1/0"
NUMBER = "+447700900199"
LAUNCH = ["campaign", "launch", "Spring", "--recipients", "people.csv", "--message", "offer.json"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of all kinds, most of them wrong."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SENDMANY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SENDMANY_STATE_DIR", ".sendmany")  # `up --home` changes it
    load_settings.cache_clear()
    files = {
        "people.csv": b"msisdn,name\n+447700900123,Ada\n",
        "latin.csv": b"msisdn,name\n+447700900123,Mu\xf1oz\n",
        "empty.csv": b"",
        "header.csv": b"msisdn,name\n",
        "headless.csv": b"+447700900123,Ada\n",
        "national.csv": b"msisdn,name\n07700900124,Ada\n",
        "offer.json": b'{"type": "text", "content": {"text": "Hello {{name}}"}}',
        "tab.json": b'{"type": "text", "content": {"text": "Hello\t{{name}}"}}',
        "typo.json": b'{"type": "text", "content": {"text": "Hello {{nmae}}"}}',
        "broken.json": b'{"type": "text", ',
        "wrong.json": b'{"type": "text", "content": {}}',
        "broken.toml": b"redis_url = ",
        "wrong.toml": b'redis_urrl = "redis://127.0.0.1"\n',
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def launch(**changes: str) -> list[str]:
    words = list(LAUNCH)
    for option, value in changes.items():
        words += [f"--{option.replace('_', '-')}", value]
    return words


@pytest.mark.parametrize(
    ("words", "settings", "hint"),
    [
        (launch(recipients="nobody.csv"), {}, "nobody.csv: there is no such file"),
        (launch(recipients="latin.csv"), {}, "line 2 is not UTF-8"),
        (launch(recipients="empty.csv"), {}, "empty.csv: the file is empty"),
        (launch(recipients="header.csv"), {}, "a header and no rows"),
        (launch(recipients="headless.csv"), {}, "needs a header row"),
        (launch(map="phone=fon"), {}, 'no column "fon"'),
        (launch(map="fon"), {}, '--map "fon" names no column: write it as phone=Mobile'),
        (launch(where="name"), {}, '--where "name" is no condition: write it as COLUMN=value'),
        (launch(where="name=Zoe"), {}, "no row has the values that --where asks for"),
        (launch(sheet="People"), {}, "--sheet is for workbooks"),
        (launch(encoding="klingon"), {}, '"klingon" is no encoding'),
        (launch(message="typo.json"), {}, 'unknown column "nmae" (did you mean "name"?)'),
        (launch(message="broken.json"), {}, "not JSON at line 1"),
        (launch(message="wrong.json"), {}, "content.text"),
        (launch(message="tab.json"), {}, "No Redis answers at 127.0.0.1:1"),  # the tab is fine
        (launch(sub_account="Other"), {}, "'Other' is not configured (configured: Shop)"),
        (launch(), {"sub_accounts": "{}"}, "No sub-account is configured"),
        (launch(), {"config": "broken.toml"}, "cannot be read (broken.toml)"),
        (launch(), {"config": "wrong.toml"}, "redis_urrl: there is no such setting"),
        (launch(), {"sub_accounts": '{"Shop'}, "SENDMANY_SUB_ACCOUNTS in the environment"),
        (launch(), {"redis_url": "nonsense"}, "no address of a Redis server"),
        (["campaign", "show", "Spring"], {}, "sendmany up"),
        (["message", "send", "--to", "123", "--text", "x"], {}, "123 is no phone number"),
        (["message", "show"], {}, "by id or --key, or one by --to and --campaign"),
        (["up", "--home", "people.csv/x"], {}, "people.csv/x: Not a directory): name another"),
        (["worker"], {"http__deadline": "soon"}, "http.deadline"),
        (["suppress", "check", "Ada"], {}, '"Ada" is no phone number, nor a user id: write'),
        (["message", "send", "--to", "Wolfgang", "--text", "x"], {}, '"Wo****ng" is no phone number'),
        (["message", "send", "--to", NUMBER, "--text", "x", "--key", ""], {}, "--key is no key"),
        (["message", "send", "--to", NUMBER, "--text", "x", "--key", " "], {}, "leave --key out"),
        (["message", "send", "--to", NUMBER, "--message", "offer.json"], {}, "{{name}} at content.text"),
        (["message", "send", "--to", "7700 900123", "--text", "x"], {}, "(--region GB, or default"),
        (["message", "send", "--to", NUMBER, "--text", "x", "--region", "XX"], {}, '"XX" is no region'),
        (["breaker", "open", "--reason", " "], {}, "Say why with --reason"),
        (["window", "open", "."], {}, ". is a directory: name a file, or a number"),
        (["campaign", "launch", "Spring\n", *LAUNCH[3:]], {}, "name is 1 to 100 printable characters"),
        (launch(invalid_rows="/dev/full"), {}, "/dev/full cannot hold invalid rows: it is no"),
        (launch(invalid_rows="people.csv"), {}, "people.csv is not a list of invalid rows and"),
        (launch(invalid_rows="no/such.csv"), {}, "No such file or directory; launch again"),
        (launch(recipients="national.csv"), {}, "only row cannot be used (line 2 \"07*******24\":"),
        (["web", "--host", "192.0.2.1"], {}, "choose another address."),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("home")
def test_bad_input_is_told_in_one_sentence(
    words: list[str],
    settings: dict[str, str],
    hint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = {"sub_accounts": ACCOUNTS, "redis_url": NO_SERVER, **settings}
    for name, value in given.items():
        monkeypatch.setenv(f"SENDMANY_{name.upper()}", value)
    monkeypatch.setattr(sys, "argv", ["sendmany", *words])
    assert run() == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("sendmany: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert hint in err
    assert not any(secret in err for secret in ("secret", "900123"))


@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "-1", "86401"])
def test_a_time_that_is_none_is_refused(
    home: Path, seconds: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["sendmany", *launch(settle_after=seconds)])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 2
    assert "Invalid value for '--settle-after': Input should be" in capsys.readouterr().err

"""`sendmany suppress …` and `sendmany window …`, as they are typed, on a store without a server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from config.sections import SubAccount
from config.settings import Settings
from producer.errors import InputError
from sendmany.cli.application import app
from store.client import Store
from store.people.service_windows import (
    UNMARKETED,
    check_recipients,
    last_reply,
    note_unmarketed,
    open_windows,
)
from store.people.suppressions import EVERYWHERE, Suppression, Why, count_suppressions, suppress
from store.purposes import Purpose

ANN, ANN_DIGITS = "+44 20 7946 0123", "442079460123"


class Desk:
    """A terminal of a user with two sub-accounts."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        account = SubAccount(api_key=SecretStr("key"))
        settings = Settings(
            sub_accounts={"shop": account, "bank": account},
            default_sub_account="shop",
            default_region="GB",
        )
        for where in ("suppress", "window"):
            monkeypatch.setattr(f"sendmany.cli.people.{where}.connect", lambda settings: store)
            monkeypatch.setattr(f"sendmany.cli.people.{where}.load_settings", lambda: settings)

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, list(words))

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json").stdout)

    def count(self, scope: str = "shop") -> int:
        return self.store.run(count_suppressions(scope))


@pytest.fixture
def desk(store: Store, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(store, monkeypatch)


@pytest.mark.parametrize("why", Why)
def test_the_reason_of_a_suppression_is_told_as_it_is(desk: Desk, why: Why) -> None:
    desk.store.run(suppress("shop", [(ANN_DIGITS, None)], why))
    assert f"({why.name.lower()})" in desk.run("suppress", "check", ANN).stdout
    assert desk.json("suppress", "check", ANN)["suppressed"][0]["reason"] == why.name.lower()


def test_a_number_is_suppressed_however_it_is_written(desk: Desk) -> None:
    assert desk.run("suppress", "add", ANN, "020 7946 0124").exit_code == 0
    again = desk.json("suppress", "add", "(020) 7946-0123")
    assert again == {"scope": "shop", "new": 0, "known": 1}
    assert desk.count() == 2
    assert desk.count("bank") == 0


@pytest.mark.parametrize("who", ["GB.1349120865530274", "U4af4980629d1b5c9a3f4e5d6c7b8a901"])
def test_somebody_is_suppressed_by_the_id_that_a_channel_gave_them(desk: Desk, who: str) -> None:
    assert desk.json("suppress", "add", who)["new"] == 1
    assert desk.run("suppress", "check", who).exit_code == 1
    assert desk.json("suppress", "remove", who)["released"] == 1


def test_somebody_is_suppressed_for_all(desk: Desk) -> None:
    desk.run("suppress", "add", ANN, "--global", "--purpose", "all")
    found = desk.run("suppress", "check", ANN, "--sub-account", "bank")
    assert found.exit_code == 1
    assert "Not to be written to by any sub-account since" in found.stdout


def test_who_may_be_written_to_is_told_with_exit_code_0(desk: Desk) -> None:
    found = desk.run("suppress", "check", ANN)
    assert (found.exit_code, found.stdout) == (0, "shop may write to this person.\n")


def test_a_release_is_for_its_scope(desk: Desk) -> None:
    desk.run("suppress", "add", ANN)
    desk.run("suppress", "add", ANN, "--global")
    assert desk.json("suppress", "remove", ANN) == {
        "scope": "shop",
        "released": 1,
        "not_suppressed": 0,
    }
    assert desk.json("suppress", "check", ANN)["suppressed"][0]["scope"] == EVERYWHERE


@pytest.mark.parametrize("typed", ["nobody", "123", "+44 20 7946 0123 999 999"])
def test_what_is_no_number_is_told_and_nothing_is_done(desk: Desk, typed: str) -> None:
    found = desk.run("suppress", "add", ANN, typed)
    assert isinstance(found.exception, InputError)
    assert "phone number" in str(found.exception)
    assert "7946 0123 999" not in str(found.exception)
    assert desk.count() == 0


def test_two_scopes_at_once_are_refused(desk: Desk) -> None:
    found = desk.run("suppress", "add", ANN, "--global", "--sub-account", "shop")
    assert str(found.exception) == "Say either --sub-account or --global"


def test_a_list_is_imported_and_its_bad_lines_are_told(desk: Desk, tmp_path: Path) -> None:
    lines = [f"+44770090{i:04}" for i in range(25_000 // 10)]
    file = tmp_path / "list.txt"
    file.write_text("\n".join([*lines, "nobody", "+4477", lines[0], ""]))
    found = desk.run("suppress", "import", str(file))
    assert found.exit_code == 1
    assert "2,500 people more will not be written to by shop; 1 were known." in found.stdout
    assert "Line 2501 (nobody): not a phone number." in found.stderr
    assert "Line 2502 (+4477): too short for its country." in found.stderr
    assert desk.count() == 2500


def test_the_column_of_a_csv_file_is_found_or_named(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("﻿name;Phone;other\nAnn;020 7946 0123;07700 900001\n", encoding="utf-8")
    assert desk.json("suppress", "import", str(file), "--global")["new"] == 1
    named = ("suppress", "import", str(file), "--map")
    assert desk.json(*named, "phone=other") == {
        "scope": "shop",
        "number_column": "other",
        "country_column": None,
        "new": 1,
        "known": 0,
        "invalid_rows": 0,
    }
    assert desk.json("suppress", "check", "+447700900001")["suppressed"][0]["reason"] == "import"
    missing = desk.run(*named, "phone=mobile")
    assert (
        str(missing.exception)
        == f'{file}: there is no column "mobile": the columns are name, Phone, other'
    )


IMPORTS = (("suppress", "import"), ("window", "open"))


@pytest.mark.parametrize("command", IMPORTS)
def test_an_import_asks_for_the_column_when_no_name_is_known(
    desk: Desk, tmp_path: Path, command: tuple[str, str]
) -> None:
    file = tmp_path / "members.csv"
    file.write_text("Member,Reached at\n49301234567,+447700900001\n49301234568,+447700900002\n")
    found = desk.run(*command, str(file))
    assert str(found.exception) == (
        f"{file}: no column is known to hold the phone number: name it with "
        "--map phone=COLUMN, one of Member, Reached at"
    )
    assert desk.count() == 0
    named = desk.run(*command, str(file), "--map", "phone=Reached at")
    assert 'The numbers are read from the column "Reached at".' in named.stdout
    assert (
        desk.json(*command, str(file), "--map", "phone=Reached at")["number_column"] == "Reached at"
    )


@pytest.mark.parametrize("command", IMPORTS)
def test_an_import_writes_to_the_people_and_not_to_the_ids_before_them(
    desk: Desk, tmp_path: Path, command: tuple[str, str]
) -> None:
    file = tmp_path / "members.csv"
    file.write_text("49301234567;Ann;+447700900001\n49301234568;Bob;+447700900002\n")
    found = desk.run(*command, str(file))
    assert "several of its columns hold numbers: add a header row" in str(found.exception)
    file.write_text("A-17;Ann;+447700900001\nA-18;Bob;+447700900002\n")
    assert "The file has no header row." in desk.run(*command, str(file)).stdout
    assert desk.json(*command, str(file))["number_column"] is None
    if command[0] == "suppress":
        assert desk.run("suppress", "check", "+447700900001").exit_code == 1


def test_an_import_reads_files_as_a_launch_does(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(
        "sep=;\n;Mobile Phone ;Country\n;;\n1;0151 23456789;Germany\n2;07700 900002\n"
        "3;\u202atel:+447700900003\u202c;\n4;+1 123 555 0114\n5;nan\n;;\n",
        encoding="utf-8",
    )
    told = desk.json("suppress", "import", str(file))
    assert (told["number_column"], told["country_column"]) == ("Mobile Phone", "Country")
    assert (told["new"], told["invalid_rows"]) == (4, 1)  # one of a range that is not in use, too
    found = desk.run("window", "open", str(file))
    assert 'the column "Mobile Phone", their country from "Country".' in found.stdout
    assert "Line 8: column 'Mobile Phone' is empty: it holds nan." in found.stderr
    for number in ("+4915123456789", "+447700900002", "+447700900003", "+11235550114"):
        assert desk.run("suppress", "check", number).exit_code == 1


def test_a_stray_quote_in_a_list_leaves_nobody_uncounted(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text('phone,name\n+447700900001,"A\n+447700900002,B"\n+447700900003,C\n')
    told = desk.json("suppress", "import", str(file))
    assert (told["new"], told["invalid_rows"]) == (1, 2)
    assert "Line 3: goes with line 2." in desk.run("suppress", "import", str(file)).stderr


def test_an_export_of_nobody_is_a_list_of_nobody(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    desk.run("suppress", "export", "--output", str(file))
    assert desk.json("suppress", "import", str(file))["new"] == 0


def test_a_first_line_that_is_a_broken_number_is_told_and_no_header(
    desk: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt"
    file.write_text("+4477\n+447700900001\n")
    found = desk.run("suppress", "import", str(file))
    assert "Line 1 (+4477): too short for its country." in found.stderr
    assert desk.count() == 1


@pytest.mark.parametrize(
    ("bytes_", "why"),
    [(b"", "the file is empty"), (b"447700900001\n\x81\x8d", "UTF-8"), (None, "no such file")],
)
def test_a_file_that_cannot_be_read_is_told(
    desk: Desk, tmp_path: Path, bytes_: bytes | None, why: str
) -> None:
    file = tmp_path / "list.csv"
    if bytes_ is not None:
        file.write_bytes(bytes_)
    found = desk.run("suppress", "import", str(file))
    assert isinstance(found.exception, InputError)
    assert why in str(found.exception)


def test_an_export_is_a_list_that_can_be_imported(desk: Desk, tmp_path: Path) -> None:
    desk.store.run(suppress("bank", [(ANN_DIGITS, 1_750_000_000_000)], Why.REPLY))
    desk.store.run(suppress("bank", [("GB.1349120865530274", None)], Why.OPERATOR))
    out = desk.run("suppress", "export", "--sub-account", "bank").stdout
    assert "+442079460123,2025-06-15T15:06:40Z,reply" in out
    file = tmp_path / "out.csv"
    desk.run("suppress", "export", "--sub-account", "bank", "--output", str(file))
    assert desk.json("suppress", "import", str(file), "--global")["new"] == 2


def stopped(desk: Desk, who: str = ANN) -> list[str]:
    """Suppressed purposes of a person, by scope."""
    return [one["purposes"] for one in desk.json("suppress", "check", who)["suppressed"]]


def test_without_a_purpose_it_is_marketing_that_is_stopped(desk: Desk) -> None:
    desk.run("suppress", "add", ANN)
    assert stopped(desk) == ["marketing"]
    found = desk.run("suppress", "check", ANN)
    assert "Not to be written to by shop for marketing since" in found.stdout
    assert found.exit_code == 1
    assert desk.run("suppress", "check", ANN, "--purpose", "utility").exit_code == 0
    assert desk.run("suppress", "check", ANN, "--purpose", "marketing").exit_code == 1


def test_and_everything_where_the_last_message_was_not_marketing(desk: Desk) -> None:
    desk.store.run(note_unmarketed("bank"))
    people, purposes = [ANN_DIGITS.encode()], [Purpose.UTILITY]
    for call in check_recipients("bank", people, purposes, rules=UNMARKETED, subject=0):
        desk.store.run(call)
    desk.run("suppress", "add", ANN, "+442079460124")
    assert stopped(desk) == ["marketing"]  # that was another sub-account
    desk.run("suppress", "add", ANN, "+442079460124", "--global")
    assert stopped(desk) == ["all", "marketing"]
    assert stopped(desk, "+442079460124") == ["marketing", "marketing"]


def test_purposes_can_be_named(desk: Desk) -> None:
    named = ("--purpose", "marketing", "--purpose", "utility")
    assert desk.json("suppress", "add", ANN, *named)["new"] == 1
    assert stopped(desk) == ["marketing,utility"]
    assert desk.json("suppress", "add", ANN, "--purpose", "all")["new"] == 1
    assert stopped(desk) == ["all"]
    assert desk.json("suppress", "add", ANN)["known"] == 1


def test_an_import_keeps_the_purposes_of_an_export(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    desk.run("suppress", "add", ANN, "--purpose", "all")
    desk.run("suppress", "add", "+442079460124", "--purpose", "utility")
    desk.run("suppress", "export", "--output", str(file))
    assert "+442079460124" in file.read_text()
    desk.run("suppress", "remove", ANN, "+442079460124")
    assert desk.json("suppress", "import", str(file))["new"] == 2
    assert (stopped(desk), stopped(desk, "+442079460124")) == (["all"], ["utility"])
    assert desk.json("suppress", "import", str(file), "--purpose", "all")["new"] == 1


def test_a_purpose_that_is_none_is_told_with_its_line_and_the_others_are_in(
    desk: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f'number,purposes\n{ANN},promo\n+442079460124,"marketing, utility"\n')
    found = desk.run("suppress", "import", str(file))
    assert found.exit_code == 1
    assert 'Line 2: "promo" is no purpose: write all, or some of marketing' in found.stderr
    assert stopped(desk, "+442079460124") == ["marketing,utility"]


def test_an_export_names_the_same_people_whatever_region_it_is_read_with(
    desk: Desk, tmp_path: Path
) -> None:
    desk.store.run(suppress("bank", [("6592345678", None)], Why.REPLY))
    file = tmp_path / "out.csv"
    desk.run("suppress", "export", "--sub-account", "bank", "--output", str(file))
    again = desk.json("suppress", "import", str(file), "--sub-account", "bank", "--region", "US")
    assert (again["new"], again["known"]) == (0, 1)


def test_an_export_that_is_cut_off_leaves_the_old_file_alone(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(store: Store, scope: str) -> Iterator[Suppression]:
        yield Suppression("6592345678", scope, 0, Why.REPLY)
        raise KeyboardInterrupt

    monkeypatch.setattr("sendmany.cli.people.suppress.all_suppressions", cut_off)
    file = tmp_path / "out.csv"
    file.write_text("of yesterday")
    assert desk.run("suppress", "export", "--output", str(file)).exit_code == 130
    assert file.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [file]


def test_a_window_is_opened_by_hand(desk: Desk) -> None:
    assert desk.run("window", "check", ANN).exit_code == 1
    assert desk.json("window", "open", ANN, "--hours", "72")["longer"] == 1
    found = desk.run("window", "check", ANN)
    assert found.exit_code == 0
    assert "The window with shop is open until" in found.stdout
    assert desk.run("window", "check", ANN, "--sub-account", "bank").exit_code == 1
    assert desk.store.run(last_reply("shop")) == 0


def test_windows_of_a_file_are_opened_and_stay_open_longer(desk: Desk, tmp_path: Path) -> None:
    desk.store.run(open_windows("shop", [(ANN_DIGITS, None)], written=True, hours=48))
    file = tmp_path / "chats.csv"
    file.write_text(f"number\n{ANN}\n+447700900001\nnobody\n")
    found = desk.run("window", "open", str(file))
    assert found.exit_code == 1
    assert "(1 had one that lasts longer)" in found.stdout
    assert "Line 4 (nobody): not a phone number." in found.stderr


def test_a_file_that_is_not_there_is_told_and_a_wrong_number_is_not_taken_for_one(
    desk: Desk,
) -> None:
    missing = desk.run("window", "open", "chats.csv")
    assert str(missing.exception) == "chats.csv: there is no such file, nor is it a phone number"
    wrong = desk.run("window", "open", "+4477")
    assert str(wrong.exception) == "+4477 is no phone number: too short for its country"


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "100000"])
def test_hours_that_make_no_sense_are_refused(desk: Desk, hours: str) -> None:
    assert desk.run("window", "open", ANN, "--hours", hours).exit_code == 2

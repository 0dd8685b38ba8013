"""The program of docs/how-to/warehouse.md, as it stands, against real processes and a PostgreSQL."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from sendmany_client import Client, Message
from tests.acceptance.command import until
from tests.acceptance.test_services import ROOT, around, parcel, up

psycopg: Any = pytest.importorskip("psycopg", exc_type=ImportError)
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
pytestmark = pytest.mark.skipif(not POSTGRES, reason="Debian's PostgreSQL is not installed")


@contextmanager
def postgres() -> Iterator[str]:
    """A server on a socket in a folder of its own; yields the words to connect. It refuses root."""
    user = "postgres" if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="warehouse"))
    if user:
        shutil.chown(folder, user)
    data, bin_ = folder / "data", POSTGRES[-1].parent
    made: list[str | Path] = [
        bin_ / "initdb",
        "-D",
        data,
        "-A",
        "trust",
        "-U",
        "sendmany",
        "-E",
        "UTF8",
        "--no-sync",
    ]
    subprocess.run(made, check=True, capture_output=True, user=user, cwd=folder)
    here: list[str | Path] = ["-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
    with subprocess.Popen(
        [bin_ / "postgres", "-D", data, *here],
        stderr=subprocess.DEVNULL,
        user=user,
        cwd=folder,
        text=True,
    ) as server:
        try:
            where = f"host={folder} user=sendmany dbname=postgres"
            until(server, lambda: (folder / ".s.PGSQL.5432").exists() and answers(where))
            yield where
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
            shutil.rmtree(folder)


def answers(where: str) -> bool:
    try:
        psycopg.connect(where).close()
    except psycopg.OperationalError:
        return False
    return True


def messages(where: str) -> dict[str, str]:
    """State by id."""
    with psycopg.connect(where) as database:
        if database.execute("SELECT to_regclass('cursors')").fetchone()[0] is None:
            return {}
        return dict(database.execute("SELECT id, state FROM messages").fetchall())


def has_begun(where: str) -> bool:
    with psycopg.connect(where) as database:
        return bool(database.execute("SELECT to_regclass('cursors') IS NOT NULL").fetchone()[0])


def has_more_than(where: str, n: int) -> bool:
    return len(messages(where)) > n


@pytest.mark.long
def test_the_table_has_the_last_state_of_each_message_though_the_program_is_killed(
    tmp_path: Path,
) -> None:
    page = (ROOT / "docs/how-to/warehouse.md").read_text("utf-8")
    program = tmp_path / "to_warehouse.py"
    program.write_text(re.findall(r"```python\n# to_warehouse.py\n(.*?)```", page, re.DOTALL)[0])
    with postgres() as where, up(tmp_path, "127.0.0.1:1") as (url, token):
        settings = around(SENDMANY_URL=url, SENDMANY_TOKEN=token, WAREHOUSE=where)
        with Client(url, token, transport=httpx.HTTPTransport()) as client:
            ids = set[str | None]()
            for round_ in range(3):
                with subprocess.Popen([sys.executable, program], env=settings, text=True) as reader:
                    until(reader, lambda: has_begun(where))
                    answered = client.send_many(
                        Message(message=parcel("Ada", f"+4474009{round_}{n:04}"))
                        for n in range(200)
                    )
                    ids |= {one.id for one in answered if one.is_stored}
                    assert len(ids) == 200 * (round_ + 1)
                    until(reader, partial(has_more_than, where, 200 * round_))
                    reader.kill()

            def states() -> dict[str, str | None]:
                return {
                    one.id: one.state for one in client.statuses(sorted(filter(None, ids))).items
                }

            with subprocess.Popen([sys.executable, program], env=settings, text=True) as reader:
                until(reader, lambda: "delivered" in messages(where).values())
                until(reader, lambda: messages(where) == states())
                reader.kill()

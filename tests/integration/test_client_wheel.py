"""The client's wheel, installed alone, beside packages of a service named like the application's."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICE = """
import config, worker
from sendmany_client import Message

assert config.MINE and worker.MINE


def test_a_message(sendmany):
    text = {"user": {"msisdn": "+447700900101"}, "type": "text", "content": {"text": "Hello"}}
    with sendmany.client() as client:
        sent = client.send(Message(message=text))
        assert client.status(sent.id).id == sent.id
"""


def run(*words: str, folder: Path, python_path: Path) -> str:
    """The output of a command of this Python that succeeds."""
    environment = {**os.environ, "PYTHONPATH": str(python_path)}
    done = subprocess.run(
        (sys.executable, *words), cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_works_beside_a_service_with_a_config_and_a_worker(tmp_path: Path) -> None:
    service, installed = tmp_path / "service", tmp_path / "installed"
    service.mkdir()
    for name in ("config", "worker"):
        (service / f"{name}.py").write_text("MINE = True\n")
    (service / "test_service.py").write_text(SERVICE)
    build = ("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    run(*build, folder=ROOT / "client", python_path=tmp_path)
    (wheel,) = tmp_path.glob("sendmany_client-*.whl")
    install = ("-m", "pip", "install", "--no-deps", "--no-index", "--target", str(installed))
    run(*install, str(wheel), folder=tmp_path, python_path=tmp_path)
    assert {path.name.partition("-")[0] for path in installed.iterdir()} == {"sendmany_client"}
    tests = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(service))
    assert "1 passed" in run(*tests, folder=service, python_path=installed)

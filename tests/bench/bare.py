"""Clients of plain gloox: what the agents are measured against."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.agents import binary_folder
from harness.broker import Broker
from harness.process import ChildProcess
from harness.waiting import wait_until


def add_account(broker: Broker, name: str) -> None:
    """For the client of that name."""
    broker.create_user(f"{name}@localhost", f"{name}-password")


def command(broker: Broker, name: str, *more: Any) -> list[str]:
    """How that client is started; with nothing more it answers."""
    words = (
        binary_folder() / "tenet-bare", "--jid", address(name),
        "--password", f"{name}-password", "--host", broker.host, "--port", broker.port, *more,
    )  # fmt: skip
    return [str(word) for word in words]


def answerer(broker: Broker, name: str, folder: Path) -> ChildProcess:
    """A client that answers, once the broker is there."""
    process = ChildProcess(name, command(broker, name), folder, folder / f"{name}.log")
    process.start()
    return process


def address(name: str) -> str:
    """Of the client of that name."""
    return f"{name}@localhost/bare"


@contextmanager
def answering(broker: Broker, name: str, folder: Path) -> Iterator[str]:
    """A client that answers meanwhile; yields its address."""
    process = answerer(broker, name, folder)
    try:
        wait_until(lambda: process.log_has("online"), 20, lambda: process.tail())
        yield address(name)
    finally:
        process.kill()
        process.log_file.unlink()


def ask(broker: Broker, name: str, peer: str, *more: Any) -> subprocess.Popen[str]:
    """Begins to ask."""
    return subprocess.Popen(
        command(broker, name, "--ask", peer, *more), stdout=subprocess.PIPE, text=True
    )


def result(asking: subprocess.Popen[str], timeout: float = 600) -> dict[str, Any]:
    """What came of it."""
    said, _ = asking.communicate(timeout=timeout)
    if asking.returncode != 0:
        raise AssertionError(f"a bare client failed: {said[-500:]}")
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found

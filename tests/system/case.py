"""What the system tests share: their topology, short words for what operators do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.agents import binary_folder
from harness.commands import Result
from harness.numbering import mac  # noqa: F401: a word of the tests
from harness.tenet_messages import TenetMessage
from harness.toml_writer import to_toml
from harness.topology import NotAsBefore, Topology
from harness.waiting import wait_until

NAMESPACE = "urn:tenet:policy:1"
_AGREE = Path(__file__).resolve().parents[1] / "schema" / "agree.py"


def policy(vnid: str | int, revision: int = 1, entries: str = "") -> str:
    """A policy document."""
    return f"<policy xmlns='{NAMESPACE}' vnid='{vnid}' revision='{revision}'>{entries}</policy>"


class _Wires:
    """What crossed the wire in the tests of a module, judged when the last one has ended."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def keep(self, name: str, tap_file: Path) -> None:
        """Keep the stanzas of a test."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="tenet-wires-")
            unittest.addModuleCleanup(self.judge)
        shutil.copy(tap_file, Path(self._folder.name) / name)

    def judge(self) -> None:
        """Schema and codec judge every stanza alike."""
        assert self._folder is not None
        with self._folder as folder:
            self._folder = None
            program = [sys.executable, _AGREE, "--judge", binary_folder() / "tenet-judge"]
            verdict = subprocess.run(
                [*program, "wire", *sorted(Path(folder).iterdir())],
                capture_output=True, text=True, timeout=300,
            )  # fmt: skip
            if verdict.returncode != 0:
                raise AssertionError(verdict.stdout + verdict.stderr)


_WIRES = _Wires()


class SystemTest(unittest.TestCase):
    """Each test has a broker, `servers` server agents and `devices` device agents.

    They are its own, or if `shared` those of its class: then the next test finds them as the first
    one did, without networks and VMs and with their configuration. What cannot be undone, a broken
    state file for example, costs a new topology, and so nothing but time.
    """

    servers = 1
    devices = 1
    options: dict[str, Any] = {}
    shared = False

    _closing: list[Callable[[], object]]

    def setUp(self) -> None:
        if self.shared:
            self._share()
        else:
            self._closing = []
            self.addCleanup(self._close, self._closing)
            self._make_world()
        self.addCleanup(self.judge_the_wire)
        self.mark = self.net.wire.mark()

    def _make_world(self) -> None:
        """Make what the test works with. What is to be closed goes to `_closing`."""
        self.net = Topology(servers=self.servers, devices=self.devices, **self.options)
        self._closing.append(self.net.close)
        self.net.start()
        self.net.wait_ready()

    def _begin_again(self) -> None:
        """Let what the test works with be as it was at the begin, or raise `NotAsBefore`."""
        self.net.begin_again()

    @staticmethod
    def _close(closing: list[Callable[[], object]]) -> None:
        """Close all, the last one first; the first problem is raised."""
        try:
            if closing:
                closing.pop()()
        finally:
            if closing:
                SystemTest._close(closing)

    def _share(self) -> None:
        """Take what the class has, or make it."""
        kind = type(self)
        world = vars(kind).get("_world")
        if world is None:
            before = set(vars(self))
            self._closing = []
            kind.addClassCleanup(self._close, self._closing)
            self._make_world()
            kind._world = {name: what for name, what in vars(self).items() if name not in before}
            kind.addClassCleanup(setattr, kind, "_world", None)
        else:
            vars(self).update(world)
        self.addCleanup(self._leave)

    def _leave(self) -> None:
        """Give back to the class what it can use again."""
        usable = False
        try:
            if not any(agent.ended_by_itself for agent in self.net.agents.values()):
                self._begin_again()
                usable = True
        except NotAsBefore as problem:
            print(f"{self.id()}: the next test gets a new topology: {problem}", flush=True)
        finally:
            if usable:
                # It may have made new ones, consoles for example.
                type(self)._world = {name: vars(self)[name] for name in type(self)._world}
            else:
                type(self)._world = None
                self._close(self._closing)  # which reports an agent that had ended by itself

    def judge_the_wire(self) -> None:
        """Schema and codec judge every stanza of the test alike, with those of its module."""
        _WIRES.keep(self.id(), self.net.broker.tap_file)

    # -- what operators do ---------------------------------------------------------------------

    def run_command(self, agent: str, node: str, **fields: Any) -> Result:
        """Run a command as the operator."""
        return self.net.admin.execute(self.net.jid(agent), node, **fields)

    def done(self, agent: str, node: str, **fields: Any) -> Result:
        """Run a command that must complete without an error, enforced on every device."""
        result = self.run_command(agent, node, **fields)
        self.assertEqual(result.status, "completed", result.notes)
        self.assertEqual(result.errors, [])
        self.assertEqual([r["state"] for r in result.rows], ["enforced"] * len(result.rows))
        return result

    def refused_by_device(self, agent: str, node: str, **fields: Any) -> list[dict[str, str]]:
        """Run a command that some device must refuse; returns the rows of those that did."""
        result = self.run_command(agent, node, **fields)
        self.assertEqual(result.status, "completed", result.notes)
        rows = [r for r in result.rows if r["state"] == "refused"]
        self.assertTrue(rows, result.rows)
        self.assertTrue(result.errors)
        return rows

    def refused_at_once(self, agent: str, node: str, **fields: Any) -> str:
        """Run a command that the agent itself must refuse: the form comes again with the reason."""
        result = self.run_command(agent, node, **fields)
        self.assertEqual(result.status, "executing", result.notes)
        self.assertEqual(len(result.errors), 1)
        self.assertIsNotNone(result.form)
        self.assertIn(result.errors[0], result.form.instructions)
        return result.errors[0]

    def create_vm(self, server: str, vnid: int, vm: str, number: int, **fields: Any) -> Result:
        """Create a VM that must be enforced everywhere."""
        return self.done(server, "create-vm", vnid=str(vnid), vm=vm, mac=mac(number), **fields)

    def tenetctl(self, *words: str, expect: int = 0) -> dict[str, Any]:
        """Run tenetctl as the operator; returns its JSON."""
        result = self.run_tenetctl("--json", *words)
        self.assertEqual(result.returncode, expect, result.stdout + result.stderr)
        return json.loads(result.stdout) if result.stdout else {}

    def run_tenetctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run tenetctl as the operator, with the agents' short names."""
        file = self.net.folder / "tenetctl.toml"
        if not file.exists():
            broker = self.net.broker
            (self.net.folder / "password").write_text("admin-password\n", encoding="utf-8")
            config = {
                "default-server": "server1",
                "xmpp": {
                    "jid": "admin@localhost",
                    "password-file": str(self.net.folder / "password"),
                    "ca-file": str(broker.ca_file),
                    "brokers": [{"host": broker.host, "port": broker.port}],
                },
                "agents": {name: agent.jid for name, agent in self.net.agents.items()},
            }
            file.write_text(to_toml(config), encoding="utf-8")
        return subprocess.run(
            [binary_folder() / "tenetctl", "--config", file, *words],
            capture_output=True, text=True, timeout=90, cwd=self.net.folder,
        )  # fmt: skip

    # -- what is seen --------------------------------------------------------------------------

    def rows(self, agent: str, node: str, **fields: Any) -> list[dict[str, str]]:
        """The table of a listing."""
        return self.net.admin.table(self.net.jid(agent), node, **fields)

    def policies(self, device: str) -> dict[str, str]:
        """VNID -> revision, as the device lists them."""
        return {r["vnid"]: r["revision"] for r in self.rows(device, "list-policies")}

    def vms(self, device: str) -> dict[str, str]:
        """VM -> state, as the device lists them."""
        return {r["vm"]: r["state"] for r in self.rows(device, "list-vms")}

    def device_vms(self, device: str) -> list[dict[str, str]]:
        """The table of a device's VMs without the time until which reservations hold: that moves
        with each sign of life of the server."""
        rows = self.rows(device, "list-vms")
        for row in rows:
            row["reserve"] = row["reserve"].split()[0]
        return rows

    def sent(self, since: int | None = None, to: str | None = None) -> list[str]:
        """The operations on the wire, in order, perhaps to one device."""
        receiver = None if to is None else self.net.jid(to)
        return self.net.wire.operations(self.mark if since is None else since, receiver)

    def batches(self, since: int | None = None) -> list[TenetMessage]:
        """The batches on the wire since a mark."""
        start = self.mark if since is None else since
        return self.net.wire.messages(start, lambda m: m.name == "batch" and m.type == "set")

    def answers(self, since: int | None = None) -> list[TenetMessage]:
        """The answers to batches on the wire since a mark."""
        start = self.mark if since is None else since
        return self.net.wire.messages(start, lambda m: m.name == "batch" and m.type == "result")

    def record(self, device: str) -> list[str]:
        """What the device's datapath holds, line by line."""
        file = self.net.agents[device].record_file
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def wait_until(self, condition: Any, what: str, timeout: float = 20.0) -> Any:
        """Wait for a condition, with words for when it does not come."""
        return wait_until(condition, timeout, what)

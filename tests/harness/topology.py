"""A broker, server agents, device agents and two consoles, all in one temporary folder."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from .agents import BINARIES, Agent, merged
from .broker import Broker
from .brokers import chosen_broker
from .commands import CommandError, ConsoleTimeout
from .console import ConnectError, Console
from .toml_writer import to_toml
from .waiting import Timeout, wait_until
from .wire import Wire

ADMIN = "admin"
STRANGER = "stranger"
_READY = "synchronized"


class NotAsBefore(Exception):
    """What somebody left cannot be undone."""


class Topology:
    """N server agents and M device agents that all know each other.

    `overrides` lays a configuration over that of the agent with that name, `servers_config` and
    `devices_config` over those of all of a kind. Use it as a context manager, or call `start()`,
    `wait_ready()` and, whatever happens, `close()`. The folder is kept if TENET_KEEP is set.
    """

    def __init__(
        self,
        servers: int = 1,
        devices: int = 1,
        *,
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        servers_config: Mapping[str, Any] | None = None,
        devices_config: Mapping[str, Any] | None = None,
        broker: Callable[[Path], Broker] | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tenet-"))
        self._consoles: list[Console] = []
        self._closed = False
        self.agents: dict[str, Agent] = {}
        try:
            self.broker = (broker or chosen_broker())(self.folder / "broker")
            self._overrides = dict(overrides or {})
            server_names = [f"server{number}" for number in range(1, servers + 1)]
            device_names = [f"switch{number}" for number in range(1, devices + 1)]
            unknown = set(self._overrides) - {*server_names, *device_names}
            if unknown:
                raise ValueError(f"overrides for agents that are not there: {sorted(unknown)}")
            for name in server_names:
                peers = {
                    "device": self._peers(device_names),
                    "server": self._peers(n for n in server_names if n != name),
                }
                self._add("server", name, peers, servers_config or {})
            for name in device_names:
                peers = {"server": self._peers(server_names)}
                self._add("device", name, peers, devices_config or {})
            for user in (ADMIN, STRANGER):
                self.broker.create_user(self.bare_jid(user), f"{user}-password")
        except BaseException:
            self.close()
            raise
        self.wire = Wire(self.broker.tap_file)

    def _peers(self, names: Any) -> list[dict[str, str]] | None:
        return [{"jid": self.bare_jid(name)} for name in names] or None

    def _add(
        self, kind: str, name: str, peers: Mapping[str, Any], shared: Mapping[str, Any]
    ) -> None:
        config = merged(merged(peers, shared), self._overrides.get(name, {}))
        folder = self.folder / name
        self.agents[name] = Agent(kind, BINARIES[kind], name, folder, self.broker, config)

    @property
    def servers(self) -> list[Agent]:
        """The server agents, server1 first."""
        return [agent for agent in self.agents.values() if agent.kind == "server"]

    @property
    def devices(self) -> list[Agent]:
        """The device agents, switch1 first."""
        return [agent for agent in self.agents.values() if agent.kind == "device"]

    def bare_jid(self, name: str) -> str:
        """The account of an agent or a user."""
        return f"{name}@{self.broker.domains[0]}"

    def jid(self, name: str) -> str:
        """The full JID of an agent."""
        return self.agents[name].jid

    def console(self, user: str = ADMIN, **options: Any) -> Console:
        """A new console, logged in; `close()` closes it too."""
        console = Console()
        self._consoles.append(console)
        jid, password = self.bare_jid(user), f"{user}-password"
        broker = self.broker
        return console.connect(jid, password, broker.host, broker.port, broker.ca_file, **options)

    def start(self) -> None:
        """Start the broker, every agent, and the two consoles `admin` and `stranger`."""
        self.broker.start()
        self._first = {
            agent.name: (copy.deepcopy(agent.config), list(agent.command))
            for agent in self.agents.values()
        }
        for agent in self.agents.values():
            agent.start()
        self.renew_consoles()

    def renew_consoles(self) -> None:
        """Log in `admin` and `stranger` (again): consoles do not come back after a lost broker."""
        for console in self._consoles:
            console.close()
        self._consoles.clear()
        self.admin = self.console(ADMIN)
        self.stranger = self.console(STRANGER)
        self._known_broker = self.broker.process.pid

    # -- again ---------------------------------------------------------------------------------

    def begin_again(self) -> None:
        """Return to what was there at the start: no networks and VMs, the same configuration, empty
        logs, nothing on the wire.

        Raises `NotAsBefore` if somebody left what cannot be removed: make another topology.
        """
        stopped = [agent for agent in self.agents.values() if not agent.is_running()]
        for agent in self.agents.values():
            config, command = self._first[agent.name]
            written = agent.config_file.read_text(encoding="utf-8")
            changed = agent.command != command or written != to_toml(config)
            agent.config, agent.command = copy.deepcopy(config), list(command)
            if changed or not agent.is_running():
                agent.restart()
        try:
            self._make_empty()
        except (AssertionError, CommandError, ConnectError, ConsoleTimeout) as problem:
            for agent in stopped:
                agent.kill()  # a test that broke a state file expects that its agent ends
            raise NotAsBefore(problem) from None
        for agent in self.agents.values():
            agent.clear_log()
        os.truncate(self.broker.tap_file, 0)
        self.wire = Wire(self.broker.tap_file)

    def _make_empty(self) -> None:
        if self.broker.process.pid != self._known_broker:
            self.renew_consoles()
        for console in self._consoles[2:]:
            console.close()
        del self._consoles[2:]
        self.wait_ready()
        for server in self.servers:
            self._empty(server)
        for device in self.devices:
            for listing in ("list-policies", "list-vms"):
                rows = self.admin.table(device.jid, listing)
                if rows:
                    raise AssertionError(f"{device.name} keeps {rows}")

    def _empty(self, server: Agent) -> None:
        """Remove the VMs and networks of a server."""
        for listing, command, keys in (
            ("list-vms", "remove-vm", ("vnid", "vm")),
            ("list-networks", "delete-network", ("vnid",)),
        ):
            rows = self.admin.table(server.jid, listing)
            for what in dict.fromkeys(tuple(row[key] for key in keys) for row in rows):
                fields = dict(zip(keys, what, strict=True))
                result = self.admin.execute(server.jid, command, **fields)
                if result.status != "completed" or result.errors:
                    raise AssertionError(f"{command} {fields}: {result.notes}")

    def wait_ready(self, timeout: float = 30.0) -> None:
        """Wait until each server agent calls each device of its configuration synchronized.

        Consoles that lost the broker are renewed; that the broker is gone is an error.
        """
        last = "nothing yet"

        def ready() -> bool:
            nonlocal last
            for agent in self.agents.values():
                if not agent.is_running():
                    raise AssertionError(
                        f"{agent.name} ended with {agent.exit_code}\n{agent.tail()}"
                    )
            for server in self.servers:
                missing = self._unready(server)
                if missing:
                    last = f"{server.name}: {missing}"
                    return False
            return True

        try:
            wait_until(ready, timeout, lambda: f"not ready. {last}", interval=0.1)
        except Timeout as late:
            tails = "\n".join(agent.tail() for agent in self.agents.values())
            raise Timeout(f"{late}\n{tails}") from None

    def _unready(self, server: Agent) -> str:
        """What a server agent says about devices that are not ready; nothing if all are."""
        try:
            rows = self.admin.execute(server.jid, "list-devices", _timeout=5).rows
        except (CommandError, ConsoleTimeout) as failure:
            return str(failure)
        except ConnectError as failure:
            self.renew_consoles()
            return str(failure)
        states = {r.get("device", "").partition("/")[0]: r.get("state", "") for r in rows}
        own = [peer["jid"].partition("/")[0] for peer in server.config.get("device") or []]
        late = {jid.partition("@")[0]: states.get(jid, "not listed") for jid in own}
        return ", ".join(f"{name} is {state}" for name, state in late.items() if state != _READY)

    def close(self) -> None:
        """Stop everything and remove the folder; the first problem is raised, with the others."""
        if self._closed:
            return
        self._closed = True
        problems: list[Exception] = []
        steps: list[Callable[[], object]] = [console.close for console in self._consoles]
        for agent in self.agents.values():
            steps += [lambda agent=agent: _stop(agent), agent.kill]
        if hasattr(self, "broker"):
            steps.append(self.broker.close)
        for step in steps:
            try:
                step()
            except Exception as problem:
                problems.append(problem)
        if os.environ.get("TENET_KEEP"):
            print(f"kept {self.folder}", flush=True)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        if problems:
            for problem in problems[1:]:
                problems[0].add_note(f"Also: {problem}")
            raise problems[0]

    def __enter__(self) -> Topology:
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self._close_quietly()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self._close_quietly()

    def _close_quietly(self) -> None:
        """Close after a failure: that failure is the one to be seen."""
        try:
            self.close()
        except Exception as problem:
            for text in (str(problem), *getattr(problem, "__notes__", ())):
                print(f"while closing: {text}", flush=True)


def _stop(agent: Agent) -> None:
    """Stop an agent in order; one that had ended by itself is a failure nobody may have seen."""
    if agent.is_running():
        agent.stop()
    elif agent.ended_by_itself:
        raise AssertionError(
            f"{agent.name} had ended by itself with {agent.exit_code}\n{agent.tail()}"
        )

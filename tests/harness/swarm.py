"""Many agents in one process: a thousand processes would measure the machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .agents import BINARIES, Agent, binary_folder, merged
from .broker import Broker
from .process import ChildProcess
from .toml_writer import to_toml

_PROGRAMS = {"device": "tenet-swarm", "server": "tenet-server-swarm"}


class Swarm(ChildProcess):
    """Device or server agents, `peers` by the name of each."""

    def __init__(
        self, kind: str, name: str, folder: Path, broker: Broker, peers: Mapping[str, Mapping[str, Any]]
    ) -> None:
        for agent_name, its_peers in peers.items():
            agent = Agent(kind, BINARIES[kind], agent_name, folder / agent_name, broker)
            path = folder / f"{agent_name}.toml"
            path.write_text(to_toml(merged(agent.config, its_peers)), encoding="utf-8")
            path.chmod(0o600)
        program = binary_folder() / _PROGRAMS[kind]
        super().__init__(name, [str(program), str(folder)], folder, folder / "log")

    def stop(self) -> None:
        """End it in order."""
        code = self.terminate()
        if code != 0:
            raise AssertionError(f"{self.name} ended with {code}\n{self.tail()}")

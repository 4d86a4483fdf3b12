"""The daemons under test: server agents and device agents."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .broker import Broker
from .process import ChildProcess
from .toml_writer import to_toml

_REPOSITORY = Path(__file__).resolve().parents[2]
BINARIES = {"server": "tenet-server-agent", "device": "tenet-device-agent"}


def binary_folder() -> Path:
    """Where the programs are: TENET_BIN, or the development build."""
    return Path(os.environ.get("TENET_BIN") or _REPOSITORY / "build" / "dev" / "bin").resolve()


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, table by table; a change to None removes the key."""
    result = copy.deepcopy(dict(base))
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = copy.deepcopy(value)
    return result


class Agent(ChildProcess):
    """One agent with its configuration, state and log in a folder of its own.

    `kind` is `server` or `device`. `config` is laid over a configuration that suffices to log in at
    the broker; change `self.config` before `start()` to start again with another one.
    """

    def __init__(
        self,
        kind: str,
        binary: str | Path,
        name: str,
        folder: Path,
        broker: Broker,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.kind = kind
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.bare_jid = f"{name}@{broker.domains[0]}"
        self.password = f"{name}-password"
        self.state_file = self.folder / "state.db"
        self.record_file = self.folder / "datapath.log"
        self.config_file = self.folder / f"{kind}-agent.toml"
        self.config = merged(self._defaults(broker), config or {})
        resource = self.config["xmpp"].get("resource") or f"{kind}-agent"
        #: The address that commands and batches go to.
        self.jid = f"{self.bare_jid}/{resource}"
        self.program = binary if isinstance(binary, Path) else binary_folder() / binary
        super().__init__(
            name,
            [str(self.program), "--config", str(self.config_file)],
            self.folder,
            self.folder / "agent.log",
        )
        broker.create_user(self.bare_jid, self.password)

    def _defaults(self, broker: Broker) -> dict[str, Any]:
        config: dict[str, Any] = {
            "xmpp": {
                "jid": self.bare_jid,
                "password": self.password,
                "brokers": [{"host": broker.host, "port": broker.port, "tls": "starttls"}],
                "ca-file": str(broker.ca_file),
            },
            "agent": {
                "operators": [f"admin@{broker.domains[0]}"],
                "state": str(self.state_file),
            },
            "log": {"level": "debug"},
        }
        if self.kind == "device":
            config["datapath"] = {"driver": "record", "record-file": str(self.record_file)}
        return config

    def start(self) -> None:
        """Write the configuration and start the program."""
        if not self.program.is_file():
            raise FileNotFoundError(f"{self.program} is missing; build it, or set TENET_BIN")
        self.write_config()
        super().start()

    def write_config(self) -> None:
        """Write `config` to `config_file`."""
        self.config_file.write_text(to_toml(self.config), encoding="utf-8")
        self.config_file.chmod(0o600)

    def stop(self, timeout: float = 60.0) -> None:
        """SIGTERM, and the agent must end by itself with exit code 0."""
        code = self.terminate(timeout)
        if code != 0:
            raise AssertionError(f"{self.name} ended with {code} instead of 0\n{self.tail()}")

    def restart(self) -> None:
        """`stop` if it runs, then `start`."""
        if self.is_running():
            self.stop()
        self.start()

"""Two ejabberd nodes on loopback that are one broker, with an epmd of their own."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

from .broker import HOST
from .ejabberd import Ejabberd, Node
from .ports import ReservedPort
from .process import ChildProcess
from .waiting import wait_until


class Epmd:
    """The name server of Erlang nodes. The usual one serves a whole machine, and outlives tests."""

    def __init__(self, folder: Path) -> None:
        self._port = ReservedPort(HOST)
        self.environment = {"ERL_EPMD_ADDRESS": HOST, "ERL_EPMD_PORT": str(self._port.number)}
        folder.mkdir(parents=True, exist_ok=True)
        self._process = ChildProcess(
            "epmd", ["epmd"], folder, folder / "epmd.log", self.environment
        )

    def start(self) -> None:
        """Start it, and return when it answers."""
        self._process.start()
        wait_until(self._answers, 10, lambda: f"epmd does not answer\n{self._process.tail()}")

    def _answers(self) -> bool:
        try:
            socket.create_connection((HOST, self._port.number), timeout=1).close()
        except OSError:
            return False
        return True

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._port.release()


class Cluster:
    """Two nodes with the same accounts: a session at one is known at the other."""

    def __init__(self, folder: Path, *, tap: bool = True) -> None:
        self._epmd = Epmd(folder)
        cookie = secrets.token_hex(16)
        self.first, self.second = (
            Ejabberd(
                folder / name,
                node=Node(f"{name}@{HOST}", cookie, self._epmd.environment),
                tap=tap,
            )
            for name in ("first", "second")
        )
        self.second.share(self.first)

    @property
    def nodes(self) -> tuple[Ejabberd, Ejabberd]:
        """Both."""
        return self.first, self.second

    def start(self) -> None:
        """Start both, and return when each knows of the other."""
        self._epmd.start()
        for broker in self.nodes:
            broker.start()
        first, second = self.first.node, self.second.node
        assert first and second
        second.call("ejabberd_cluster join", f"['{first.name}']")
        self.wait_whole()

    def wait_whole(self, timeout: float = 30.0) -> None:
        """Wait until each node serves, and counts both."""

        def whole() -> bool:
            return all(
                all(f"'{peer.node.name}'" in broker.node.call("ejabberd_cluster get_nodes", "[]")
                    for peer in self.nodes if peer.node)
                for broker in self.nodes if broker.node
            )  # fmt: skip

        wait_until(whole, timeout, lambda: f"no cluster\n{self.second.process.tail()}", interval=0.2)

    def close(self) -> None:
        """End both nodes and the epmd."""
        for broker in self.nodes:
            broker.close()
        self._epmd.close()

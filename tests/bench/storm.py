"""A broker restarts under a thousand device agents and twenty server agents."""

from __future__ import annotations

import json
import time

from harness.swarm import Swarm
from harness.topology import Topology
from harness.waiting import wait_until

from . import bare
from .world import BROKERS, resident


class Storm:
    """Each server has as many of the devices as the others; every device has one server."""

    def __init__(self, broker: str, servers: int, devices: int) -> None:
        self.devices = devices
        self.net = Topology(0, 0, broker=BROKERS[broker])
        groups = {
            f"rack{s}": [f"leaf{d}" for d in range(s, devices, servers)] for s in range(servers)
        }
        folder, real = self.net.folder, self.net.broker
        self.leaves = Swarm(
            "device", "leaves", folder / "leaves", real,
            {d: {"server": [self._peer(s)]} for s, own in groups.items() for d in own},
        )  # fmt: skip
        self.racks = Swarm(
            "server", "racks", folder / "racks", real,
            {s: {"device": [self._peer(d) for d in own]} for s, own in groups.items()},
        )  # fmt: skip
        for name in ("answerer", *(f"bare{n}" for n in range(devices + servers))):
            bare.add_account(real, name)
        self.clients = devices + servers
        real.start()

    @staticmethod
    def _peer(name: str) -> dict[str, str]:
        return {"jid": f"{name}@localhost"}

    def close(self) -> None:
        """End everything."""
        self.leaves.kill()
        self.racks.kill()
        self.net.close()

    def begin(self) -> None:
        """Agents anew, until all are in sync. Who has lost brokers shortly before waits longer."""
        known = self.racks.log().count('"ready"')
        self.leaves.kill()
        self.racks.kill()
        self.racks.start()
        self.leaves.start()
        wait_until(
            lambda: self.racks.log().count('"ready"') > known, 300, lambda: self.racks.tail()
        )

    def restart(self) -> tuple[list[float], int]:
        """Restart the broker; seconds until each device was verified, from when it could log in."""
        known = self.racks.log().count('"back"')
        mark = self.net.wire.mark()
        self.net.broker.kill()
        self.net.broker.start()
        begun = time.time()
        wait_until(lambda: self.racks.log().count('"back"') > known, 300, lambda: self.racks.tail())
        line = [line for line in self.racks.log().splitlines() if '"back"' in line][-1]
        return sorted(when - begun for when in json.loads(line)["back"]), mark

    def broker_memory(self) -> int:
        """Bytes that the broker holds."""
        return resident(self.net.broker.process)

    def bytes_per_device(self, mark: int) -> float:
        """Of the protocol's requests and answers since then."""
        return sum(m.stanza.size for m in self.net.wire.messages(mark)) / self.devices

    def bare(self) -> list[float]:
        """As many clients of plain gloox log in at once and exchange one IQ each."""
        broker = self.net.broker
        with bare.answering(broker, "answerer", self.net.folder) as peer:
            asking = bare.ask(broker, "bare{}", peer, "--storm", self.clients)
            return sorted(bare.result(asking)["seconds"])

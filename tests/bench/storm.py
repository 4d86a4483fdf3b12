"""A broker restarts under a thousand device agents and twenty server agents."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

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
        self._end_agents()
        self.net.close()

    def begin(self) -> None:
        """Agents anew, until all are in sync. Who has lost brokers shortly before waits longer."""
        known = self.racks.log().count('"ready"')
        self._end_agents()
        self.racks.start()
        self.leaves.start()
        wait_until(
            lambda: self.racks.log().count('"ready"') > known, 300, lambda: self.racks.tail()
        )

    def restart(self) -> tuple[list[float], float]:
        """Restart the broker under the agents.

        Seconds until each device was verified, from when the broker took a connection; and bytes
        that it routed meanwhile, by devices.
        """
        mark = self.net.wire.mark()
        with self._broker_restarts() as begun:
            back = wait_until(lambda: self._back(begun), 300, lambda: self.racks.tail())
        # Nobody else is there. What was routed to who was not back yet costs as much.
        routed = sum(s.size for s in self.net.wire.stanzas(mark, bounced=True))
        return sorted(when - begun for when in back), routed / self.devices

    def _back(self, since: float) -> list[float]:
        """When each device was back, once all have been since then; nothing before."""
        lines = [line for line in self.racks.log().splitlines() if '"back"' in line]
        back: list[float] = json.loads(lines[-1])["back"] if lines else [0]
        return back if min(back) > since else []

    @contextmanager
    def _broker_restarts(self) -> Iterator[float]:
        """Has it killed and started; yields when it first took a connection, seconds since 1970."""
        broker = self.net.broker
        broker.kill()
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(self._first_connection)
            broker.start()
            yield first.result()

    def _first_connection(self) -> float:
        address = (self.net.broker.host, self.net.broker.port)

        def connects() -> float:
            try:
                socket.create_connection(address, timeout=1).close()
            except OSError:
                return 0
            return time.time()

        return wait_until(connects, 60, "the broker takes no connection")

    def _end_agents(self) -> None:
        self.leaves.kill()
        self.racks.kill()

    def broker_memory(self) -> int:
        """Bytes that the broker holds."""
        return resident(self.net.broker.process)

    def bare(self) -> tuple[list[float], int]:
        """The same with as many clients of plain gloox in the place of agents.

        Seconds until each has logged in and exchanged one IQ; and how many attempts failed.
        """
        self._end_agents()
        broker = self.net.broker
        broker.kill()
        peer = bare.answerer(broker, "answerer", self.net.folder)
        asking = bare.ask(broker, "bare{}", bare.address("answerer"), "--storm", self.clients)
        try:
            with self._broker_restarts() as begun:
                found = bare.result(asking)
        finally:
            asking.kill()
            peer.kill()
        return sorted(when - begun for when in found["answered"]), found["again"]

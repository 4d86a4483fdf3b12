"""Traffic that runs for a while: numbered datagrams that show each loss, and iperf3."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .ports import listening_ports
from .vm_host import VmHost, received
from .waiting import Timeout, wait_until

_PORT = 4660
_IPERF_PORT = 5201


class Stream:
    """Numbered datagrams from one host to another, one each `interval` seconds, from now on.

    The two should know each other (`VmHost.knows`), lest a lost ARP is taken for lost traffic.
    Both use `port`: a host that sends one stream and receives another needs two.
    """

    def __init__(
        self,
        sender: VmHost,
        receiver: VmHost,
        version: int = 4,
        interval: float = 0.001,
        port: int = _PORT,
    ) -> None:
        self._interval = interval
        self._end = threading.Event()
        self._sent = 0
        self._arrived: set[int] = set()
        self._lock = threading.Lock()
        self._socket = receiver.udp_socket(port, version)
        address = receiver.address(version)
        self._thread = threading.Thread(
            target=lambda: sender.send_udp(address, port, self._payloads(), port)
        )
        self._thread.start()

    def _payloads(self) -> Iterator[bytes]:
        for number in itertools.count():
            if self._end.wait(self._interval):
                return
            yield number.to_bytes(8, "big")
            self._sent = number + 1

    @property
    def sent(self) -> int:
        """How many have been sent."""
        return self._sent

    def arrived(self) -> set[int]:
        """The numbers of those that have arrived."""
        with self._lock:
            if self._socket.fileno() < 0:
                return self._arrived
            self._arrived.update(int.from_bytes(data, "big") for data in received(self._socket))
            return set(self._arrived)

    def wait_sent(self, more: int, timeout: float = 20.0) -> None:
        """Wait until some more have been sent."""
        goal = self._sent + more
        wait_until(lambda: self._sent >= goal, timeout, f"{more} more datagrams were not sent")

    def wait_arrived(self, timeout: float = 5.0) -> None:
        """Wait until one arrives that is sent after this call."""
        first = self._sent + 1
        wait_until(
            lambda: max(self.arrived(), default=-1) >= first, timeout, "nothing arrives any more"
        )

    def stop(self) -> list[int]:
        """End it; returns the numbers of those that did not arrive."""
        self._end.set()
        self._thread.join()
        last = self._sent - 1
        try:
            wait_until(lambda: last in self.arrived(), 0.5, "the last one is late")
        except Timeout:
            pass  # then it is among the lost
        self._socket.close()
        return sorted(set(range(self._sent)) - self._arrived)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._socket.close()


def throughput(
    sender: VmHost, receiver: VmHost, folder: Path, *, offered: str = "", seconds: int = 2
) -> float:
    """Bits per second that arrive, after a second that is not counted.

    UDP at the rate `offered` (`150M`), or TCP as fast as it goes. The first second is left out
    since a policer lets one pass its bucket at the line's rate.
    """
    server = receiver.space.program(
        "iperf3-server",
        ["iperf3", "-s", "-1", "-J", "-B", receiver.ip4, "-p", str(_IPERF_PORT)],
        folder,
    )
    try:
        wait_until(
            lambda: _IPERF_PORT in listening_ports(server.pid),
            10,
            lambda: f"iperf3 does not listen\n{server.tail()}",
        )
        load = ["-u", "-b", offered] if offered else []
        report = json.loads(
            sender.space.run(
                *("iperf3", "-c", receiver.ip4, "-p", str(_IPERF_PORT), "-J", *load),
                *("--get-server-output", "-O", "1", "-t", str(seconds), "-i", "0.5"),
                timeout=seconds + 60,
            )
        )
    finally:
        server.kill()
    return _mean(report)


def _mean(report: dict[str, Any]) -> float:
    """The mean of what the receiver counted in each interval that is not left out."""
    intervals = [interval["sum"] for interval in report["server_output_json"]["intervals"]]
    counted = [part for part in intervals if not part["omitted"]]
    duration = float(sum(part["seconds"] for part in counted))
    return 8 * int(sum(part["bytes"] for part in counted)) / duration

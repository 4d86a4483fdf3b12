"""TCP ports on loopback that two test runs, or a reconnecting client, cannot take from each other.

The ports lie below the range from which the kernel serves outgoing connections. Else a client that
calls a stopped broker again and again could be given the broker's own port, connect to itself and
keep it. Each reservation is an abstract Unix socket: the kernel releases it with the process.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path

_LOWEST = 10_000


def _below_ephemeral() -> int:
    """The first port of the kernel's own range; at least some room is assumed below it."""
    text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    return max(int(text.split()[0]), _LOWEST + 1_000)


class ReservedPort:
    """One port number which no other holder of a ReservedPort on this machine has."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        end = _below_ephemeral()
        for _ in range(1000):
            number = random.SystemRandom().randrange(_LOWEST, end)
            claim = self._claim(number)
            if claim is not None:
                if self._is_free(host, number):
                    self.number = number
                    self._claim_socket = claim
                    return
                claim.close()
        raise RuntimeError("no free TCP port found")

    @staticmethod
    def _claim(number: int) -> socket.socket | None:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0tenet-test-port-{number}")
        except OSError:
            claim.close()
            return None
        return claim

    @staticmethod
    def _is_free(host: str, number: int) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, number))
            except OSError:
                return False
        return True

    def release(self) -> None:
        """Give the number back."""
        self._claim_socket.close()


def listening_ports(pid: int) -> set[int]:
    """The TCP ports (IPv4) on which the process listens; empty if it is gone."""
    inodes = set()
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = entry.readlink().as_posix()
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        table = Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii")
    except OSError:
        return set()
    rows = (line.split() for line in table.splitlines()[1:])
    return {int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and row[9] in inodes}

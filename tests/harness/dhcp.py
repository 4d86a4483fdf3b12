"""A DHCP server and a DHCP client at hosts: dnsmasq and udhcpc."""

from __future__ import annotations

import json
from pathlib import Path

from .namespaces import CommandFailed
from .process import ChildProcess
from .vm_host import INTERFACE, VmHost
from .waiting import wait_until

# What udhcpc calls with its findings in the environment.
_SCRIPT = """#!/bin/sh
case $1 in
  bound|renew)
    ip address replace "$ip/$mask" dev "$interface" &&
    printf '{"ip": "%s", "server": "%s"}' "$ip" "$serverid" >"$TENET_LEASE" ;;
esac
"""


class DhcpServer:
    """dnsmasq at a host, with the addresses from `first` to `last`."""

    def __init__(self, host: VmHost, first: str, last: str, folder: Path) -> None:
        name = f"dnsmasq-{host.port}"
        self.program: ChildProcess = host.space.program(
            name,
            [
                "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0",
                "--no-hosts", "--no-resolv", "--no-ping", "--user=root", "--pid-file=",
                f"--interface={INTERFACE}", "--bind-interfaces", "--dhcp-authoritative",
                f"--dhcp-range={first},{last},5m",
                f"--dhcp-leasefile={folder / (name + '.leases')}",
                "--log-facility=-", "--log-dhcp",
            ],
            folder,
        )  # fmt: skip
        wait_until(
            lambda: 67 in _udp_ports(self.program.pid),
            10,
            lambda: f"dnsmasq does not serve\n{self.program.tail()}",
        )


def lease(host: VmHost, folder: Path, tries: int = 4) -> str:
    """Ask for an address, one second for each try; it is the host's then, or nothing came."""
    script = folder / "udhcpc-script"
    script.write_text(_SCRIPT, encoding="ascii")
    script.chmod(0o700)
    file = folder / f"{host.port}.lease"
    file.unlink(missing_ok=True)
    try:
        host.space.run(
            *("env", f"TENET_LEASE={file}", "udhcpc", "-i", INTERFACE, "-s", script),
            *("-f", "-q", "-n", "-t", str(tries), "-T", "1"),
        )
    except CommandFailed:
        return ""
    return str(json.loads(file.read_text(encoding="ascii"))["ip"])


def _udp_ports(pid: int) -> set[int]:
    """The UDP ports (IPv4) that are taken where the process is."""
    try:
        table = Path(f"/proc/{pid}/net/udp").read_text(encoding="ascii")
    except OSError:
        return set()
    return {int(line.split()[1].split(":")[1], 16) for line in table.splitlines()[1:]}

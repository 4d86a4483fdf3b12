"""DHCP servers and clients at hosts: dnsmasq, udhcpc, and for IPv6 a client of our own."""

from __future__ import annotations

import ipaddress
import json
import select
import socket
from pathlib import Path

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import (
    DHCP6_Advertise,
    DHCP6_Reply,
    DHCP6_Request,
    DHCP6_Solicit,
    DHCP6OptClientId,
    DHCP6OptIA_NA,
    DHCP6OptIAAddress,
    DHCP6OptServerId,
    DUID_LL,
)
from scapy.packet import Packet

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


_DNSMASQ = (
    "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--no-hosts",
    "--no-resolv", "--no-ping", "--user=root", "--pid-file=", f"--interface={INTERFACE}",
    "--bind-interfaces", "--dhcp-authoritative", "--log-facility=-", "--log-dhcp",
)  # fmt: skip


class DhcpServer:
    """dnsmasq at a host, with the addresses from `first` to `last`, of IPv4 or of IPv6.

    With `router` it also advertises the host as a router, and for IPv6 only.
    """

    def __init__(
        self, host: VmHost, first: str, last: str, folder: Path, *, router: bool = False
    ) -> None:
        version = ipaddress.ip_address(first).version
        name = f"dnsmasq{version}-{host.port}"
        words = [
            *_DNSMASQ,
            f"--dhcp-range={first},{last},5m",
            f"--dhcp-leasefile={folder / (name + '.leases')}",
        ]
        if router:
            words += ["--enable-ra", f"--ra-param={INTERFACE},4"]  # every four seconds
        self.program: ChildProcess = host.space.program(name, words, folder)
        table, port = ("udp", 67) if version == 4 else ("udp6", 547)
        wait_until(
            lambda: port in _ports(self.program.pid, table),
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


def renew(host: VmHost, address: str, server: str = "", tries: int = 4) -> bool:
    """Ask for the lease to be prolonged, one second for each try; whether a server did.

    The client is in state RENEWING and asks its server, or without one in REBINDING and asks all
    (RFC 2131 section 4.4.5).
    """
    request = BOOTP(
        xid=1, ciaddr=address, chaddr=bytes.fromhex(host.mac.replace(":", ""))
    ) / DHCP(options=[("message-type", "request"), "end"])
    with host.space.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, INTERFACE.encode())
        client.bind((address, 68))
        for _ in range(tries):
            client.sendto(bytes(request), (server or "255.255.255.255", 67))
            if select.select([client], [], [], 1)[0]:
                got = BOOTP(client.recv(65536))
                if DHCP in got and ("message-type", 5) in got[DHCP].options:
                    return bool(got.yiaddr == address)
    return False


def lease6(host: VmHost, tries: int = 4) -> str:
    """Ask for an address of IPv6 (RFC 8415), one second for each try; the host has it then."""
    identity = DHCP6OptClientId(duid=DUID_LL(lladdr=host.mac))
    wanted = DHCP6OptIA_NA(iaid=1)
    with host.space.call(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as client:
        index = host.space.call(lambda: socket.if_nametoindex(INTERFACE))
        client.bind(("::", 546))

        def ask(request: Packet, answer: type[Packet]) -> Packet | None:
            for _ in range(tries):
                client.sendto(bytes(request), ("ff02::1:2", 547, 0, index))
                if select.select([client], [], [], 1)[0]:
                    got = answer(client.recv(65536))
                    if got.msgtype == answer().msgtype and got.trid == request.trid:
                        return got
            return None

        advertised = ask(DHCP6_Solicit(trid=1) / identity / wanted, DHCP6_Advertise)
        if advertised is None:
            return ""
        server = DHCP6OptServerId(duid=advertised[DHCP6OptServerId].duid)
        reply = ask(DHCP6_Request(trid=2) / identity / server / wanted, DHCP6_Reply)
    if reply is None or DHCP6OptIAAddress not in reply:
        return ""
    address = str(reply[DHCP6OptIAAddress].addr)
    host.space.ip(f"address replace {address}/64 dev {INTERFACE} nodad")
    return address


def _ports(pid: int, table: str) -> set[int]:
    """The ports that are taken where the process is, from a table below /proc/PID/net."""
    try:
        text = Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii")
    except OSError:
        return set()
    return {int(line.split()[1].split(":")[1], 16) for line in text.splitlines()[1:]}

"""dhcp-snooping and IPv6: no VM gives addresses to others, as a server or as a router."""

from __future__ import annotations

import unittest

from scapy.layers.inet import UDP
from scapy.layers.inet6 import (
    ICMPv6ND_RA,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    PadN,
)
from scapy.packet import Packet, Raw

from harness.dhcp import DhcpServer, lease6
from harness.frames import FrameSocket
from harness.vm_host import VmHost

from .case import OUTSIDE, DatapathTest
from .packets import ether, udp

SNOOPING = "<dhcp-snooping enabled='true'/>"
LEASED = "fd00::100"
ALL_NODES = "33:33:00:00:00:01"


class Dhcp6(DatapathTest):
    def cable(self) -> None:
        self.client = self.space.host("vm1", 1, ip=[])
        self.rogue = self.space.host("vm2", 2)
        self.outside = self.space.host("up0", OUTSIDE)

    def everyone(self, entries: str = SNOOPING) -> None:
        self.network(4096, entries)
        self.associate(self.client, ip="")
        self.associate(self.rogue)

    def at_port(self, port: str) -> FrameSocket:
        """What reaches the device at one of its ports, before anybody judges it."""
        return FrameSocket(self.space.space, port)

    def test_a_rogue_server_gives_no_lease_and_a_real_one_does(self) -> None:
        self.everyone()
        DhcpServer(self.rogue, "fd00::66", "fd00::66", self.lab.folder)
        answers = self.at_port("vm2")
        self.assertEqual(lease6(self.client, tries=1), "")
        answers.wait_for(lambda f: UDP in f and f[UDP].sport == 547, "what the rogue offers")
        DhcpServer(self.outside, LEASED, LEASED, self.lab.folder)
        self.assertEqual(lease6(self.client), LEASED)
        self.assertEqual(self.client.ping(self.outside.ip6), 3)

    def test_without_snooping_any_vm_is_a_server(self) -> None:
        """Which proves that the rogue above is one."""
        self.everyone("")
        DhcpServer(self.rogue, "fd00::66", "fd00::66", self.lab.folder)
        self.assertEqual(lease6(self.client), "fd00::66")

    def is_configured(self) -> bool:
        """Whether somebody told the client a route."""
        return bool(self.client.space.ip_json("-6", "route", "show", "default"))

    def test_a_rogue_router_configures_nobody_and_a_real_one_does(self) -> None:
        self.everyone()
        self.client.space.sysctl("ipv6/conf/eth0/accept_ra", "1")
        adverts = self.at_port("vm2")
        DhcpServer(self.rogue, "fd00::66", "fd00::66", self.lab.folder, router=True)
        adverts.wait_for(lambda f: ICMPv6ND_RA in f, "what the rogue advertises", 30)
        self.passes(self.rogue, self.client, ether(self.rogue, self.client, type=0x88B5))
        self.assertFalse(self.is_configured())
        DhcpServer(self.outside, LEASED, LEASED, self.lab.folder, router=True)
        self.wait_until(self.is_configured, "the real router did not configure the client", 30)

    def test_extension_headers_and_fragments_hide_no_router(self) -> None:
        """RFC 7113 section 2; hosts take no such message in fragments (RFC 6980)."""
        self.everyone()
        fine = self.rogue, udp(self.rogue, self.outside)
        for what, frame in hidden_adverts(self.rogue).items():
            with self.subTest(what):
                self.drops(self.rogue, self.outside, frame, what, after=fine)
        plain = hidden_adverts(self.outside)["plain"]
        self.passes(self.outside, self.client, plain, "a router that is no VM")

    def test_extension_headers_and_fragments_hide_no_server(self) -> None:
        self.everyone()
        one, two = self.rogue, self.outside
        offer = UDP(sport=547, dport=546)
        head = ether(one, two) / IPv6(src=one.ip6, dst=two.ip6)
        options = [PadN(optdata=b"\0" * 4)]
        for what, frame in {
            "destination options": head / IPv6ExtHdrDestOpt(options=options) / offer,
            "hop-by-hop options": head / IPv6ExtHdrHopByHop(options=options) / offer,
            "a fragment that is all": head / IPv6ExtHdrFragment(m=0, nh=17) / offer,
            "the first of fragments": head / IPv6ExtHdrFragment(m=1, nh=17) / offer,
            "a relay": head / UDP(sport=547, dport=547),
        }.items():
            with self.subTest(what):
                self.drops(one, two, frame, what, after=(one, udp(one, two)))


def hidden_adverts(sender: VmHost) -> dict[str, Packet]:
    """Router advertisements, with what may stand between IPv6 and them."""
    head = ether(sender, ALL_NODES) / IPv6(src=link_local(sender), dst="ff02::1", hlim=255)
    advert = ICMPv6ND_RA(routerlifetime=1800)
    options = [PadN(optdata=b"\0" * 4)]
    # 32 bytes of options, the last 20 of which are those of the mark, and nothing else.
    cut = Raw(bytes([58, 3, 1, 28]) + bytes(8))
    return {
        "plain": head / advert,
        "hop-by-hop options": head / IPv6ExtHdrHopByHop(options=options) / advert,
        "destination options": head / IPv6ExtHdrDestOpt(options=options) / advert,
        "both": head / IPv6ExtHdrHopByHop(options=options) / IPv6ExtHdrDestOpt(options=options)
        / advert,
        "a fragment that is all": head / IPv6ExtHdrFragment(m=0, nh=58) / advert,
        "the first of fragments": head / IPv6ExtHdrFragment(m=1, nh=58) / advert,
    } | {"the next fragment has it": head / IPv6ExtHdrFragment(m=1, nh=60) / cut}  # fmt: skip


def link_local(host: VmHost) -> str:
    """The address that follows from its MAC (RFC 4291 appendix A)."""
    parts = bytes.fromhex(host.mac.replace(":", ""))
    made = bytes([parts[0] ^ 2, *parts[1:3], 0xFF, 0xFE, *parts[3:]]).hex()
    return f"fe80::{made[0:4]}:{made[4:8]}:{made[8:12]}:{made[12:16]}"


if __name__ == "__main__":
    unittest.main()

"""Access lists: stateless, the first match decides, each direction is judged for itself."""

from __future__ import annotations

import re
import socket
import unittest
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, PadN
from scapy.packet import Packet

from harness.vm_host import VmHost

from .case import OUTSIDE, DatapathTest
from .packets import arp, ether, icmp, icmpv6, ip, tcp, udp

# Both directions alike: everything is also tried in the other one.
RULES = [
    "permit protocol='udp' destination-port='7'",  # what ends the wait for what must not come
    "deny protocol='tcp' destination='10.0.0.0/16' destination-port='85'",
    "permit protocol='tcp' destination='10.0.0.0/16' destination-port='80-89'",
    "permit protocol='tcp' destination='fd00::/64' destination-port='443'",
    "permit protocol='udp' source-port='1000-1999' destination-port='53'",
    "permit protocol='tcp' established='true' source-port='22'",
    "permit protocol='icmp' icmp-type='8'",
    "permit protocol='icmpv6' icmp-type='128'",
    "permit ethertype='ipv4' protocol='47'",
    "permit protocol='132' destination-port='9'",
    "permit ethertype='0x88b5'",
]


def rules(*texts: str, direction: str, first: int = 1) -> str:
    """Rules in the order given: `permit protocol='tcp'`."""
    out = ""
    for number, text in enumerate(texts, first):
        action, _, match = text.partition(" ")
        out += f"<rule id='{number}' action='{action}' direction='{direction}' {match}/>"
    return out


def acl(default: str, from_vm: tuple[str, ...] = (), to_vm: tuple[str, ...] = ()) -> str:
    """An access list."""
    inner = rules(*from_vm, direction="from-vm")
    inner += rules(*to_vm, direction="to-vm", first=1000)
    return f"<acl default='{default}'>{inner}</acl>"


def probes(one: VmHost, two: VmHost) -> Iterator[tuple[bool, str, Packet]]:
    """What passes RULES and what does not, on the way from one to the other."""
    yield True, "first port of a range", tcp(one, two, 80)
    yield True, "last port of a range", tcp(one, two, 89)
    yield False, "below the range", tcp(one, two, 79)
    yield False, "above the range", tcp(one, two, 90)
    yield False, "an earlier rule denies a port of the range", tcp(one, two, 85)
    yield False, "another destination", tcp(one, two, 80, dst="10.1.0.200")
    yield False, "another protocol on that port", udp(one, two, 80)
    yield False, "the rule is for IPv4", tcp(one, two, 80, version=6)
    yield True, "IPv6", tcp(one, two, 443, version=6)
    yield False, "IPv6, another destination", tcp(one, two, 443, version=6, dst="fd00:0:0:1::1")
    yield False, "the rule is for IPv6", tcp(one, two, 443)
    for version in (4, 6):
        yield True, "both ports match", udp(one, two, 53, 1000, version)
        yield True, "both ports match", udp(one, two, 53, 1999, version)
        yield False, "just one port matches", udp(one, two, 53, 999, version)
        yield False, "just one port matches", udp(one, two, 54, 1000, version)
        for flags in ("A", "R", "SA", "RA", "FA", "PA"):
            yield True, f"{flags}: of an existing connection", tcp(
                one, two, 5000, flags, 22, version
            )
        for flags in ("S", "F", "", "PU"):
            yield False, f"{flags}: of no connection", tcp(one, two, 5000, flags, 22, version)
        yield False, "of a connection with another port", tcp(one, two, 5000, "A", 23, version)
    yield True, "echo request", icmp(one, two, 8)
    yield False, "another type of ICMP", icmp(one, two, 13)
    yield True, "echo request of ICMPv6", icmpv6(one, two, 128)
    yield False, "another type of ICMPv6", icmpv6(one, two, 129)
    yield True, "a protocol by its number", ip(one, two, proto=47)
    yield False, "that protocol on IPv6", ip(one, two, 6, nh=47)
    yield True, "SCTP has ports too", ip(one, two, proto=132) / bytes([0, 9, 0, 9] + [0] * 8)
    yield False, "another port of SCTP", ip(one, two, proto=132) / bytes([0, 9, 0, 8] + [0] * 8)
    yield True, "an ethertype by its number", ether(one, two, type=0x88B5)
    yield False, "another ethertype", ether(one, two, type=0x88B6)
    yield False, "no rule for ARP, and the default is deny", arp(one, two)


class AccessList(DatapathTest):
    """One VM, and a host outside that is none, so each way is judged once."""

    shared = True

    def cable(self) -> None:
        self.vm = self.space.host("vm1", 1)
        self.outside = self.space.host("up0", OUTSIDE)

    def judge(self, wanted: bool, one: VmHost, two: VmHost, what: str, frame: Packet) -> None:
        with self.subTest(what, frame=frame.summary()):
            if wanted:
                self.passes(one, two, frame, what)
            else:
                self.drops(one, two, frame, what, after=(one, udp(one, two)))

    def both_ways(self) -> tuple[tuple[VmHost, VmHost], ...]:
        return (self.vm, self.outside), (self.outside, self.vm)

    def test_what_is_permitted_passes_and_nothing_else_in_both_directions(self) -> None:
        self.network(4096, acl("deny", tuple(RULES), tuple(RULES)))
        self.associate(self.vm)
        for one, two in self.both_ways():
            for wanted, what, frame in probes(one, two):
                self.judge(wanted, one, two, what, frame)

    def test_what_is_denied_does_not_pass_and_all_else_does(self) -> None:
        inverse = tuple(
            text.replace("deny", "x").replace("permit", "deny").replace("x ", "permit ")
            for text in RULES[1:]
        )
        self.network(4096, acl("permit", inverse, inverse))
        self.associate(self.vm)
        for one, two in self.both_ways():
            for denied, what, frame in probes(one, two):
                self.judge(not denied, one, two, what, frame)

    def test_no_frame_leaves_with_a_mark(self) -> None:
        """The driver's own way from map to map goes through it; others decide by it too."""
        for line in (
            "add table bridge other",
            "add chain bridge other first { type filter hook prerouting priority -1000; }",
            "add rule bridge other first meta mark set 7",
            "add chain bridge other last { type filter hook postrouting priority 1000; }",
            "add set bridge other marked { type ether_addr . ether_addr . ether_type . mark; size 64; flags dynamic; }",
            # Not the device's own reports of multicast: they keep their tail room in that field.
            "add rule bridge other last ether saddr and ff:ff:ff:ff:00:00 != 52:54:00:00:00:00 accept",
            "add rule bridge other last meta mark != 0 add @marked { ether saddr . ether daddr . ether type . meta mark }",
            "add rule bridge other last meta mark 0 counter",
        ):
            self.space.nft(line)
        self.network(4096, acl("permit"))
        self.associate(self.vm)
        for one, two in self.both_ways():
            self.passes(one, two, udp(one, two))
        self.assertNotIn("elements", self.space.nft("list set bridge other marked"))
        (plain,) = re.findall(r"counter packets (\d+)", self.space.nft("list table bridge other"))
        self.assertGreaterEqual(int(plain), 2)

    def test_a_rule_is_for_one_direction(self) -> None:
        sentinel = "permit protocol='udp' destination-port='7'"
        self.network(
            4096,
            acl(
                "deny",
                (sentinel, "permit protocol='udp' destination-port='100'"),
                (sentinel, "permit protocol='udp' destination-port='200'"),
            ),
        )
        self.associate(self.vm)
        for (one, two), right in zip(self.both_ways(), (100, 200), strict=True):
            for port in (100, 200):
                self.judge(port == right, one, two, "direction", udp(one, two, port))

    def test_the_order_is_that_of_the_ids(self) -> None:
        first = "<rule id='20' action='deny' direction='from-vm' protocol='udp'/>"
        second = (
            "<rule id='10' action='permit' direction='from-vm' protocol='udp' "
            "destination-port='7'/>"
        )
        self.network(4096, f"<acl default='permit'>{first}{second}</acl>")
        self.associate(self.vm)
        self.passes(self.vm, self.outside, udp(self.vm, self.outside, 7))
        self.judge(False, self.vm, self.outside, "rule 20", udp(self.vm, self.outside, 8))

    def test_options_and_extension_headers_hide_nothing(self) -> None:
        denied = ("deny protocol='tcp' destination-port='22'", "deny protocol='icmpv6'")
        self.network(4096, acl("permit", denied, denied))
        self.associate(self.vm)
        for one, two in self.both_ways():
            segment = TCP(sport=4000, dport=22)
            options = IP(src=one.ip4, dst=two.ip4, options=b"\x01" * 8)
            head = ether(one, two)
            six = IPv6(src=one.ip6, dst=two.ip6)
            hop, destination = (
                IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]),
                IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)]),
            )
            echo = bytes([128, 0, 0, 0, 0, 0, 0, 0])
            for frame in (
                head / options / segment,
                head / six / hop / segment,
                head / six / destination / segment,
                head / six / hop / destination / segment,
                head / six / IPv6ExtHdrHopByHop(nh=58) / echo,
            ):
                self.judge(False, one, two, "hidden", frame)
            self.judge(True, one, two, "not denied", head / six / hop / UDP(sport=1, dport=22))

    def test_a_policy_without_acl_permits_everything(self) -> None:
        self.network(4096, "")
        self.associate(self.vm)
        for version in (4, 6):
            self.assertEqual(self.vm.ping(self.outside.address(version)), 3)
        self.passes(self.vm, self.outside, ether(self.vm, self.outside, type=0x88B5))


class RealStacks(DatapathTest):
    """What applications see, between two VMs: both of them are judged."""

    shared = True

    def cable(self) -> None:
        self.web = self.space.host("vm1", 1)
        self.client = self.space.host("vm2", 2)
        for version in (4, 6):
            for port in (80, 81):
                self.web.listen(port, version)

    NEIGHBOURS = (
        "permit ethertype='arp'",
        "permit protocol='icmpv6' icmp-type='135'",
        "permit protocol='icmpv6' icmp-type='136'",
    )

    def test_connections_to_the_permitted_port_only(self) -> None:
        ways = (
            *self.NEIGHBOURS,
            "permit protocol='tcp' destination-port='80'",
            "permit protocol='tcp' source-port='80' established='true'",
        )
        self.network(4096, acl("deny", ways, ways))
        self.associate(self.web)
        self.associate(self.client)
        for version in (4, 6):
            address = self.web.address(version)
            self.assertTrue(self.client.tcp(address, 80, timeout=3), f"IPv{version}")
            self.assertFalse(self.client.tcp(address, 81), f"IPv{version}")
            self.assertEqual(self.client.ping(address, 2), 0)

    def test_established_lets_answers_through_and_no_connection_back(self) -> None:
        ways = (
            *self.NEIGHBOURS,
            "permit protocol='tcp' destination-port='80-83'",
            "permit protocol='tcp' source-port='80-83' established='true'",
        )
        self.network(4096, acl("deny", ways, ways))
        self.associate(self.web)
        self.associate(self.client)
        for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
            with self.subTest(version):
                listener = self.web.space.socket(family, socket.SOCK_STREAM)
                listener.bind((self.web.address(version), 82))
                listener.listen()
                caller = self.client.space.socket(family, socket.SOCK_STREAM)
                for one in (listener, caller):
                    one.settimeout(10)
                caller.connect((self.web.address(version), 82))
                with listener.accept()[0] as answerer:
                    answerer.settimeout(10)
                    # More than a window, so that each side waits for the other's acknowledgements.
                    for one, two in ((caller, answerer), (answerer, caller)):
                        self.assertEqual(_carried(one, two, bytes(1 << 20)), 1 << 20)
                listener.close()
                # From such a port too: what begins a connection is not of one.
                self.client.listen(5000, version)
                self.assertFalse(self.web.tcp(self.client.address(version), 5000, source_port=83))

    def test_a_permit_on_one_side_does_not_suffice(self) -> None:
        self.client.knows(self.web)
        self.web.knows(self.client)
        one_way = ("permit protocol='udp'",)
        self.network(4096, acl("deny", one_way, ()))
        self.associate(self.web)
        self.associate(self.client)
        frame = udp(self.client, self.web)
        self.drops(self.client, self.web, frame, "to-vm denies")
        self.network(4096, acl("deny", (), one_way))
        self.drops(self.client, self.web, frame, "from-vm denies")
        self.network(4096, acl("deny", one_way, one_way))
        self.passes(self.client, self.web, frame)

    def test_without_arp_nobody_is_found(self) -> None:
        ping = ("permit protocol='icmp'", "permit protocol='icmpv6' icmp-type='128'",
                "permit protocol='icmpv6' icmp-type='129'")  # fmt: skip
        self.network(4096, acl("deny", ping, ping))
        self.associate(self.web)
        self.associate(self.client)
        for version in (4, 6):
            self.assertEqual(self.client.ping(self.web.address(version), 2), 0)
        self.network(4096, acl("deny", (*ping, *self.NEIGHBOURS), (*ping, *self.NEIGHBOURS)))
        for version in (4, 6):
            self.client.forget_neighbours()
            self.web.forget_neighbours()
            self.assertEqual(self.client.ping(self.web.address(version)), 3)

    def test_a_changed_policy_holds_for_vms_that_are_there(self) -> None:
        self.network(4096, acl("permit", (), ("deny protocol='tcp' destination-port='81'",)))
        self.associate(self.web)
        self.associate(self.client)
        self.assertTrue(self.client.tcp(self.web.ip4, 80, timeout=3))
        self.assertFalse(self.client.tcp(self.web.ip4, 81))
        self.network(4096, acl("permit", (), ("deny protocol='tcp' destination-port='80'",)))
        self.assertFalse(self.client.tcp(self.web.ip4, 80))
        self.assertTrue(self.client.tcp(self.web.ip4, 81, timeout=3))


def _carried(one: socket.socket, two: socket.socket, data: bytes) -> int:
    """How many bytes of the data arrive at the other end of the connection."""
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(one.sendall, data)
        count = 0
        while count < len(data) and (part := two.recv(1 << 16)):
            count += len(part)
        sent.result()
    return count


if __name__ == "__main__":
    unittest.main()

"""Fragments under access lists: rules that name ports judge the first one, and no other.

PROTOCOL.md section 5.6: those after the first have neither ports nor an ICMP type nor flags.
"""

from __future__ import annotations

import unittest

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Packet, Raw

from harness.vm_host import VmHost, received

from .case import OUTSIDE, DatapathTest
from .packets import ether, udp
from .test_acl import acl

NUMBER = {"udp": 17, "tcp": 6, "icmp": 1}
PASSES = "permit protocol='udp' destination-port='7'"  # what ends the wait for what must not come
BIG = b"x" * 3000  # more than two frames


def headers(one: VmHost, two: VmHost, version: int, protocol: str, offset: int) -> Packet:
    """Ethernet and IP of a fragment that begins at this byte, with more to follow."""
    if version == 4:
        head = IP(src=one.ip4, dst=two.ip4, id=77, flags="MF", frag=offset // 8)
        head.proto = NUMBER[protocol]
        return ether(one, two) / head
    extension = IPv6ExtHdrFragment(nh=NUMBER[protocol], offset=offset // 8, m=1, id=77)
    return ether(one, two) / IPv6(src=one.ip6, dst=two.ip6) / extension


def first(one: VmHost, two: VmHost, version: int, protocol: str, port: int) -> Packet:
    """The first fragment of a datagram to a port; for ICMP the type takes the port's place."""
    transport = {
        "udp": lambda: UDP(sport=4000, dport=port, len=200, chksum=1),
        "tcp": lambda: TCP(sport=4000, dport=port, flags="A", chksum=1),
        "icmp": lambda: ICMP(type=port, chksum=1),
    }[protocol]()
    filling = Raw(bytes(-(len(bytes(transport)) + 20) % 8))  # 20 are those of the mark
    return headers(one, two, version, protocol, 0) / transport / filling


def later(one: VmHost, two: VmHost, version: int, protocol: str) -> Packet:
    """Another fragment of it. Where a header would be, its data look like port 7 and type 8."""
    return headers(one, two, version, protocol, 48) / Raw(b"\x08\x07\x00\x07")


class Fragments(DatapathTest):
    """One VM, and a host outside that is none."""

    shared = True

    def cable(self) -> None:
        self.vm = self.space.host("vm1", 1)
        self.outside = self.space.host("up0", OUTSIDE)

    def judge(self, wanted: bool, one: VmHost, two: VmHost, frame: Packet, what: str) -> None:
        with self.subTest(what, frame=frame.summary()):
            if wanted:
                self.passes(one, two, frame, what)
            else:
                self.drops(one, two, frame, what, after=(one, udp(one, two)))

    def explained(self, one: VmHost, two: VmHost, version: int, **packet: str) -> bool:
        """Whether the device says that such a packet, which is whole, passes."""
        (row,) = self.run_command(
            "switch1",
            "explain",
            vnid="4096",
            vm=self.name(self.vm),
            direction="from-vm" if one is self.vm else "to-vm",
            ethertype=f"ipv{version}",
            source=one.address(version),
            destination=two.address(version),
            **packet,
        ).rows
        return row["verdict"] == "permit"

    def judge_all(self, ports: dict[int, bool], rest: bool) -> None:
        """First fragments by their port, as `explain` says of the whole datagram; others alike."""
        for one, two in ((self.vm, self.outside), (self.outside, self.vm)):
            for version in (4, 6):
                for port, wanted in ports.items():
                    frame = first(one, two, version, "udp", port)
                    self.judge(wanted, one, two, frame, f"first, IPv{version}, port {port}")
                    told = self.explained(
                        one, two, version, protocol="udp", destination_port=str(port)
                    )
                    self.assertEqual(told, wanted, f"explain, IPv{version}, port {port}")
                frame = later(one, two, version, "udp")
                self.judge(rest, one, two, frame, f"later, IPv{version}")
                # Of a packet whose ports nobody told it is as of one that has none.
                self.assertEqual(self.explained(one, two, version, protocol="udp"), rest)

    def test_a_permit_of_ports_permits_no_later_fragment(self) -> None:
        self.network(4096, acl("deny", (PASSES,), (PASSES,)))
        self.associate(self.vm)
        self.judge_all({7: True, 8: False}, rest=False)

    def test_a_denial_of_ports_denies_no_later_fragment(self) -> None:
        denies = ("deny protocol='udp' destination-port='8'",)
        self.network(4096, acl("permit", denies, denies))
        self.associate(self.vm)
        self.judge_all({7: True, 8: False}, rest=True)

    def test_a_rule_without_ports_judges_every_fragment(self) -> None:
        rules = (PASSES, "deny protocol='udp'")
        self.network(4096, acl("permit", rules, rules))
        self.associate(self.vm)
        self.judge_all({7: True, 8: False}, rest=False)
        rules = ("deny protocol='udp' destination-port='8'", "permit protocol='udp'")
        self.network(4096, acl("deny", rules, rules))
        self.judge_all({7: True, 8: False}, rest=True)

    def test_neither_a_type_nor_established_permits_a_later_fragment(self) -> None:
        rules = (PASSES, "permit protocol='icmp' icmp-type='8'",
                 "permit protocol='tcp' established='true'")  # fmt: skip
        self.network(4096, acl("deny", rules, rules))
        self.associate(self.vm)
        one, two = self.vm, self.outside
        self.judge(True, one, two, first(one, two, 4, "icmp", 8), "the type is there")
        self.judge(False, one, two, first(one, two, 4, "icmp", 13), "another type")
        self.judge(False, one, two, later(one, two, 4, "icmp"), "no type")
        for version in (4, 6):
            self.judge(True, one, two, first(one, two, version, "tcp", 80), "the flag is there")
            self.judge(False, one, two, later(one, two, version, "tcp"), "no flags")

    def test_a_later_fragment_is_no_spoofers_way(self) -> None:
        self.network(4096)
        self.associate(self.vm)
        one, two = self.vm, self.outside
        four, six = later(one, two, 4, "udp"), later(one, two, 6, "udp")
        four[IP].src, six[IPv6].src = "10.0.0.99", "fd00::99"
        for frame in (four, six):
            self.judge(False, one, two, frame, "another's address")


class RealStacks(DatapathTest):
    """What applications see of it: a datagram that is larger than a frame."""

    def cable(self) -> None:
        self.one = self.space.host("vm1", 1)
        self.two = self.space.host("vm2", 2)
        self.one.knows(self.two)

    def test_large_datagrams_need_a_rule_without_ports(self) -> None:
        everyone = ("permit protocol='udp'",)
        self.network(4096, acl("deny", everyone, everyone))
        self.associate(self.one)
        self.associate(self.two)
        ears = {version: self.two.udp_socket(7, version) for version in (4, 6)}

        def arrives(version: int, data: bytes) -> None:
            self.one.send_udp(self.two.address(version), 7, [data])
            self.wait_until(lambda: data in received(ears[version]), f"IPv{version}: {len(data)}")

        for version in (4, 6):
            arrives(version, BIG)
        self.network(4096, acl("deny", (PASSES,), (PASSES,)))
        for version in (4, 6):
            self.one.send_udp(self.two.address(version), 7, [BIG])
            arrives(version, b"small")  # which came after it
            self.assertEqual(received(ears[version]), [])


if __name__ == "__main__":
    unittest.main()

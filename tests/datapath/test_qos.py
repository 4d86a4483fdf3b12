"""Quality of service: what a VM sends carries the DSCP, and leaves through the class."""

from __future__ import annotations

import re
import unittest

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from harness.vm_host import VmHost

from .case import OUTSIDE, DatapathTest
from .packets import arp, udp

AF21, EF = 18, 46


class Qos(DatapathTest):
    shared = True
    datapath = {"queue": [{"port": "up0", "rate": "1Gbit"}]}

    def cable(self) -> None:
        self.one = self.space.host("vm1", 1)
        self.two = self.space.host("vm2", 2)
        self.outside = self.space.host("up0", OUTSIDE)

    def dscp(self, sender: VmHost, receiver: VmHost, version: int, tos: int = 0) -> int:
        """The DSCP with which a frame of that type of service arrives; its rest must be whole."""
        field = {"tos": tos} if version == 4 else {"tc": tos}
        sent = udp(sender, receiver, version=version, **field)
        seen = self.passes(sender, receiver, sent)
        got = seen[IP].tos if version == 4 else seen[IPv6].tc
        self.assertEqual(got & 3, tos & 3, "congestion notification is not ours")
        if version == 4:
            again = Ether(bytes(seen))
            del again[IP].chksum
            self.assertEqual(Ether(bytes(again))[IP].chksum, seen[IP].chksum, "header checksum")
        return int(got) >> 2

    def class_packets(self) -> dict[int, int]:
        """Packets that have left through each class of the uplink, by the class's minor number."""
        text = self.space.space.run("tc", "-s", "class", "show", "dev", "up0")
        found = re.findall(r"class htb \w+:([0-9a-f]+) .*?\n\s*Sent \d+ bytes (\d+) pkt", text)
        return {int(minor, 16): int(packets) for minor, packets in found}

    def test_dscp_of_ipv4_and_ipv6_from_the_vm_only(self) -> None:
        self.network(4096, "<qos dscp='af21'/>")
        self.associate(self.one)
        for version in (4, 6):
            for tos in (0, EF << 2, EF << 2 | 1, 3):
                with self.subTest(version=version, tos=tos):
                    self.assertEqual(self.dscp(self.one, self.outside, version, tos), AF21)
                    self.assertEqual(self.dscp(self.outside, self.one, version, tos), tos >> 2)
        self.passes(self.one, self.outside, arp(self.one, self.outside))

    def test_a_change_of_the_dscp(self) -> None:
        self.network(4096, "<qos dscp='af21'/>")
        self.associate(self.one)
        self.associate(self.two)
        self.network(4096, "<qos dscp='ef'/>")
        for version in (4, 6):
            self.assertEqual(self.dscp(self.one, self.two, version), EF)
        self.network(4096, "<qos dscp='cs0'/>")
        self.assertEqual(self.dscp(self.one, self.two, 4, EF << 2), 0)
        self.network(4096, "")
        self.assertEqual(self.dscp(self.one, self.two, 4, EF << 2), EF)

    def test_the_class_of_the_queue(self) -> None:
        for priority in (2, 7, 0):
            self.network(4096, f"<qos class='{priority}'/>")
            if priority == 2:
                self.associate(self.one)
            before = self.class_packets()
            self.assertLessEqual(set(range(1, 9)), set(before))
            for _ in range(20):
                self.passes(self.one, self.outside, udp(self.one, self.outside))
            after = self.class_packets()
            for minor in range(1, 9):
                grown = after[minor] - before[minor]
                if minor == priority + 1:
                    self.assertGreaterEqual(grown, 20, f"class {priority}")
                elif minor != 1:  # the first is for all else: hosts talk by themselves
                    self.assertEqual(grown, 0, f"class {priority}")

    def test_a_queue_that_others_remove_comes_back(self) -> None:
        self.network(4096, "<qos class='4'/>")
        self.associate(self.one)
        self.space.space.run("tc", "qdisc", "delete", "dev", "up0", "root")
        self.assertTrue(self.resync())
        self.assertEqual(self.resync(), [])
        before = self.class_packets()
        self.passes(self.one, self.outside, udp(self.one, self.outside))
        self.assertGreater(self.class_packets()[5], before[5])

    def test_class_and_dscp_are_two_things(self) -> None:
        self.network(4096, "<qos dscp='af21' class='5'/>")
        self.associate(self.one)
        before = self.class_packets()
        self.assertEqual(self.dscp(self.one, self.outside, 4), AF21)
        self.assertGreater(self.class_packets()[6], before[6])


if __name__ == "__main__":
    unittest.main()

"""virtual-network over an underlay of IPv6: VXLAN whose group is one of IPv6."""

from __future__ import annotations

import unittest

from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from harness.commands import Result
from harness.frames import FrameSocket
from harness.vm_host import VmHost

from .case import DatapathTest
from .packets import arp, udp

GROUP = "ff15::1600"
SIX = f"<virtual-network multicast='{GROUP}'/>"
FOUR = "<virtual-network multicast='239.1.19.136' vni='70000'/>"


class Overlay6(DatapathTest):
    shared = True
    devices = 2
    underlay = True
    bridge = None

    def cable(self) -> None:
        left, right = self.spaces
        self.six = left.host("vm1", 1), right.host("vm1", 2)
        # The other network has the same addresses, and its VXLAN goes over IPv4.
        self.four = tuple(
            device.host("vm2", number, ip=[str(address) for address in twin.addresses])
            for device, number, twin in zip(self.spaces, (3, 4), self.six, strict=True)
        )

    def place(self, host: VmHost, device: int, vnid: int) -> Result:
        """Create the VM on one of the devices alone."""
        jid = self.net.agents[self.spaces[device].name].bare_jid
        return self.associate(host, vnid, devices=jid)

    def test_vms_meet_across_devices_and_not_those_of_an_underlay_of_ipv4(self) -> None:
        self.network(4096, SIX)
        self.network(5000, FOUR)
        for device in (0, 1):
            self.place(self.six[device], device, 4096)
            self.place(self.four[device], device, 5000)
        core = FrameSocket(self.segment, "to-switch1")
        for one, two in (self.six, self.four):
            for version in (4, 6):
                self.assertEqual(one.ping(two.address(version), wait=2), 3)
                self.assertEqual(two.ping(one.address(version)), 3)
        self.assert_wire(core)
        for sender in self.six:
            for receiver in self.four:
                frames = arp(sender, receiver), udp(sender, receiver)
                self.drops(sender, receiver, frames)
                self.drops(receiver, sender, frames)

    def assert_wire(self, core: FrameSocket) -> None:
        """What is flooded goes to the group, what is for one to that device, and all of it IPv6."""

        def to(frame: Packet, destination: str) -> bool:
            return IPv6 in frame and frame[IPv6].dst == destination and VXLAN in frame

        flooded = core.wait_for(lambda f: to(f, GROUP) and ARP in f, "ARP in the group")
        self.assertEqual(flooded[VXLAN].vni, 4096)
        self.assertEqual(flooded[UDP].dport, 4789)
        self.assertEqual(flooded[IPv6].src, "2001:db8::1")
        core.wait_for(lambda f: to(f, "2001:db8::2"), "unicast to the other device")
        mixed = core.count(
            lambda f: VXLAN in f and isinstance(f.payload, IPv6) != (f[VXLAN].vni == 4096)
        )
        self.assertEqual(mixed, 0, "a network's frames in the other's underlay")

    def test_whole_frames_pass(self) -> None:
        """The headers of IPv6 take 20 bytes more, and the underlay of 1600 has room for them."""
        self.network(4096, SIX)
        for device in (0, 1):
            self.place(self.six[device], device, 4096)
        one, two = self.six
        self.passes(one, two, udp(one, two) / Raw(bytes(1500 - 20 - 8 - 20)), "1500 bytes of IP")

    def test_a_group_changes_its_family(self) -> None:
        self.network(4096, FOUR)
        for device in (0, 1):
            self.place(self.six[device], device, 4096)
        one, two = self.six
        for entries, key, group in (
            (SIX, "group6", GROUP),
            (FOUR, "group", "239.1.19.136"),
            (SIX, "group6", GROUP),
        ):
            self.network(4096, entries)
            (vxlan,) = self.space.space.ip_json("link", "show", "tx-4096")
            self.assertEqual(vxlan["linkinfo"]["info_data"].get(key), group)
            self.assertEqual(one.ping(two.ip4, wait=2), 3)
            self.assertEqual(self.resync(), [])

    def test_it_comes_back_after_a_repair(self) -> None:
        self.network(4096, SIX)
        for device in (0, 1):
            self.place(self.six[device], device, 4096)
        one, two = self.six
        self.assertEqual(one.ping(two.ip6, wait=2), 3)
        self.space.space.ip("link delete tx-4096")
        self.resync()
        self.assertEqual(one.ping(two.ip6, wait=2), 3)


if __name__ == "__main__":
    unittest.main()

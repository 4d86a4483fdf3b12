"""virtual-network: a bridge per VNID, and VXLAN between devices."""

from __future__ import annotations

import unittest

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet

from harness.commands import Result
from harness.frames import FrameSocket
from harness.vm_host import VmHost

from .case import DatapathTest
from .packets import arp, udp

RED = "<virtual-network multicast='239.1.16.0'/>"
BLUE = "<virtual-network multicast='239.1.19.136' vni='70000'/>"


class Overlay(DatapathTest):
    shared = True
    devices = 2
    underlay = True
    bridge = None

    def cable(self) -> None:
        left, right = self.spaces
        # The addresses of both networks are the same: they have nothing to do with each other.
        self.red = left.host("vm1", 1), right.host("vm1", 2)
        self.blue = tuple(
            device.host("vm2", number, ip=[str(address) for address in twin.addresses])
            for device, number, twin in zip(self.spaces, (3, 4), self.red, strict=True)
        )

    def place(self, host: VmHost, device: int, vnid: int, **changes: str) -> Result:
        """Create the VM on one of the devices alone."""
        jid = self.net.agents[self.spaces[device].name].bare_jid
        return self.associate(host, vnid, devices=jid, **changes)

    def test_vms_of_one_network_meet_across_devices_and_no_others(self) -> None:
        self.network(4096, RED)
        self.network(5000, BLUE)
        for device in (0, 1):
            self.place(self.red[device], device, 4096)
            self.place(self.blue[device], device, 5000)
        core = FrameSocket(self.segment, "to-switch1")
        for one, two in (self.red, self.blue):
            for version in (4, 6):
                self.assertEqual(one.ping(two.address(version), wait=2), 3)
                self.assertEqual(two.ping(one.address(version)), 3)
            self.assertEqual(one.ping("10.0.0.77", 1), 0)
        self.assert_wire(core, 4096, "239.1.16.0", self.red[0].mac)
        self.assert_wire(core, 70000, "239.1.19.136", self.blue[0].mac)

        for sender in self.red:
            for receiver in self.blue:
                self.drops(sender, receiver, (arp(sender, receiver), udp(sender, receiver)))

    def assert_wire(self, core: FrameSocket, vni: int, group: str, mac: str) -> None:
        """What the VM floods travels in its VNI to the group, what is for one goes to one device."""

        def of_network(frame: Packet, destination: str) -> bool:
            return (
                VXLAN in frame
                and frame[VXLAN].vni == vni
                and frame[VXLAN].payload.src == mac
                and frame[IP].dst == destination
            )

        seen = core.wait_for(
            lambda frame: of_network(frame, group) and ARP in frame,
            f"the ARP of VNI {vni} in the group {group}",
        )
        self.assertEqual(seen[UDP].dport, 4789)
        self.assertEqual(seen[IP].src, "192.0.2.1")
        core.wait_for(
            lambda frame: of_network(frame, "192.0.2.2"),
            f"unicast of VNI {vni} to the other device",
        )

    def test_ports_enter_and_leave_the_bridge_of_their_network(self) -> None:
        self.network(4096, RED)
        left = self.spaces[0]
        self.assertEqual(left.ports("tb-4096"), {"tx-4096"})
        self.place(self.red[0], 0, 4096)
        self.assertEqual(left.ports("tb-4096"), {"tx-4096", "vm1"})
        self.place(self.blue[0], 0, 4096)
        self.assertEqual(left.ports("tb-4096"), {"tx-4096", "vm1", "vm2"})
        (vxlan,) = left.space.ip_json("link", "show", "tx-4096")
        data = vxlan["linkinfo"]["info_data"]
        self.assertEqual((data["id"], data["group"], data["port"]), (4096, "239.1.16.0", 4789))
        self.remove(self.red[0], 4096)
        self.assertEqual(left.ports("tb-4096"), {"tx-4096", "vm2"})
        self.remove(self.blue[0], 4096)
        self.done("server1", "delete-network", vnid="4096")
        for device in self.spaces:
            self.assertEqual(device.space.links() & {"tb-4096", "tx-4096"}, set())

    def test_a_policy_that_gains_and_loses_its_segment(self) -> None:
        self.network(4096, "")
        self.assertNotIn("tb-4096", self.space.space.links())
        self.network(4096, RED)
        self.place(self.red[0], 0, 4096)
        self.place(self.red[1], 1, 4096)
        self.assertEqual(self.red[0].ping(self.red[1].ip4, wait=2), 3)
        self.network(4096, "<virtual-network multicast='239.1.16.0' vni='81'/>")
        self.assertEqual(self.red[0].ping(self.red[1].ip4, wait=2), 3)
        (vxlan,) = self.space.space.ip_json("link", "show", "tx-4096")
        self.assertEqual(vxlan["linkinfo"]["info_data"]["id"], 81)
        self.network(4096, "")
        self.assertEqual(self.space.space.links() & {"tb-4096", "tx-4096"}, set())
        self.assertEqual(self.red[0].ping(self.red[1].ip4, 2), 0)

    def test_policy_holds_in_the_overlay(self) -> None:
        self.network(4096, RED + "<acl default='deny'><rule id='1' action='permit' "
                     "direction='from-vm'/></acl>")  # fmt: skip
        for device in (0, 1):
            self.place(self.red[device], device, 4096)
        one, two = self.red
        self.drops(one, two, udp(one, two))
        self.network(4096, RED)
        self.passes(one, two, udp(one, two))
        spoofed = udp(one, two, src="10.0.0.99")
        self.drops(one, two, spoofed, after=(one, udp(one, two)))

    def test_killed_agents_leave_the_overlay_as_it_is(self) -> None:
        self.network(4096, RED)
        for device in (0, 1):
            self.place(self.red[device], device, 4096)
        with self.stream(*self.red) as stream:
            stream.wait_arrived()
            for agent in self.net.devices:
                agent.kill()
            stream.wait_sent(200)
            for agent in self.net.devices:
                agent.start()
            self.net.wait_ready()
            stream.wait_sent(200)
            self.assertEqual(stream.stop(), [])


if __name__ == "__main__":
    unittest.main()

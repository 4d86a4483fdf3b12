"""intrusion-detection: a sensor gets a copy of everything; intrusion-prevention is refused here."""

from __future__ import annotations

import unittest

from scapy.layers.l2 import Ether
from scapy.packet import Packet

from harness.frames import Test
from harness.vm_host import VmHost

from .case import OUTSIDE, DatapathTest
from .packets import arp, ether, udp

DETECTION = "<intrusion-detection sensor='ids0'/>"


def _equals(original: bytes) -> Test:
    """Whether a frame is just this one; it has a mark of its own in its data."""
    return lambda frame: bytes(frame.original) == original


class Detection(DatapathTest):
    shared = True

    def cable(self) -> None:
        self.one = self.space.host("vm1", 1)
        self.two = self.space.host("vm2", 2)
        self.outside = self.space.host("up0", OUTSIDE)
        self.sensor = self.space.host("ids0", 250, ip=[], bridge=None)

    def copied(self, sender: VmHost, receiver: VmHost, frame: Packet) -> None:
        """The frame arrives, and the sensor has it just as the receiver."""
        sensor = self.tap(self.sensor)
        original = self.passes(sender, receiver, frame).original
        sensor.wait_for(_equals(original), "the whole copy")
        self.assertEqual(sensor.count(_equals(original)), 1, "once is enough")

    def test_a_copy_of_everything_in_both_directions(self) -> None:
        self.network(4096, DETECTION)
        self.associate(self.one)
        for version in (4, 6):
            self.copied(self.one, self.outside, udp(self.one, self.outside, version=version))
            self.copied(self.outside, self.one, udp(self.outside, self.one, version=version))
        self.copied(self.one, self.outside, arp(self.one, self.outside))
        self.copied(self.one, self.outside, ether(self.one, self.outside, type=0x88B5))
        self.assertEqual(self.one.ping(self.outside.ip4), 3, "and the VM does not notice")

    def test_no_copies_of_other_networks_nor_after_the_policy_or_the_vm(self) -> None:
        self.network(4096, DETECTION)
        self.network(5000)
        self.associate(self.one, 4096)
        self.associate(self.two, 5000)
        self.not_copied(self.two, self.outside)
        self.network(4096, "")
        self.not_copied(self.one, self.outside)
        self.network(4096, DETECTION)
        self.copied(self.one, self.outside, udp(self.one, self.outside))
        self.remove(self.one)
        self.associate(self.one, 5000)
        self.not_copied(self.one, self.outside)

    def not_copied(self, sender: VmHost, receiver: VmHost) -> None:
        sensor = self.tap(self.sensor)
        for one, two in ((sender, receiver), (receiver, sender)):
            original = self.passes(one, two, udp(one, two)).original
            self.assertFalse(sensor.arrives(_equals(original), 0.1))

    def test_the_sensor_cannot_talk_back(self) -> None:
        self.network(4096, DETECTION)
        self.associate(self.one)
        frame = Ether(src=self.sensor.mac, dst=self.one.mac, type=0x88B5)
        self.drops(self.sensor, self.one, frame, after=(self.outside, udp(self.outside, self.one)))

    def test_a_sensor_that_comes_back_gets_copies_again(self) -> None:
        self.network(4096, DETECTION)
        self.associate(self.one)
        self.space.space.ip("link delete ids0")
        self.passes(self.one, self.outside, udp(self.one, self.outside), "without a sensor")
        self.sensor = self.space.host("ids0", 251, ip=[], bridge=None)
        self.resync()
        self.copied(self.one, self.outside, udp(self.one, self.outside))
        self.copied(self.outside, self.one, udp(self.outside, self.one))
        self.assertEqual(self.resync(), [])

    def test_a_vm_must_name_its_port(self) -> None:
        self.network(4096, DETECTION)
        before = self.kernel()
        fields = self.vm_fields(self.one, port="")
        (row,) = self.refused_by_device("server1", "create-vm", **fields)
        self.assertTrue(row["detail"].startswith("unsupported:"), row["detail"])
        self.assertEqual(self.vms("switch1"), {})
        self.assertEqual(self.kernel(), before)

    def test_prevention_is_refused_not_pretended(self) -> None:
        before = self.kernel()
        document = self.document(4096, "<intrusion-prevention queue='7'/>")
        (row,) = self.refused_by_device("server1", "create-network", policy=document)
        self.assertTrue(row["detail"].startswith("unsupported:"), row["detail"])
        self.assertIn("intrusion-prevention", row["detail"])
        self.assertEqual(self.policies("switch1"), {})
        self.assertEqual(self.kernel(), before)


if __name__ == "__main__":
    unittest.main()

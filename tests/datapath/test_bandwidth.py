"""Bandwidth: what arrives is what the policy grants, in each direction, before and after a change."""

from __future__ import annotations

import unittest

from harness.streams import throughput
from harness.vm_host import VmHost

from .case import OUTSIDE, DatapathTest

# The policer counts bytes of IP, iperf3 those of its payload: 2 % less. The rest is for a busy
# machine, and for bursts.
LEAST, MOST = 0.80, 1.15


def bandwidth(from_vm: int, to_vm: int) -> str:
    """Limits in Mbit/s."""
    return f"<bandwidth from-vm='{from_vm}Mbit' to-vm='{to_vm}Mbit'/>"


class Bandwidth(DatapathTest):
    def cable(self) -> None:
        self.one = self.space.host("vm1", 1)
        self.two = self.space.host("vm2", 2)
        self.outside = self.space.host("up0", OUTSIDE)

    def expect(self, sender: VmHost, receiver: VmHost, megabits: int, what: str) -> None:
        rate = throughput(sender, receiver, self.lab.folder, offered=f"{megabits * 3}M")
        ratio = rate / (megabits * 1e6)
        print(f"\n{what}: {rate / 1e6:.1f} Mbit/s of {megabits}, ratio {ratio:.3f}", flush=True)
        with self.subTest(what):
            self.assertTrue(LEAST <= ratio <= MOST, f"{what}: ratio {ratio:.3f}")

    def test_each_direction_has_its_own_limit_and_a_change_holds_at_once(self) -> None:
        self.network(4096, bandwidth(50, 20))
        self.associate(self.one)
        self.expect(self.one, self.outside, 50, "from-vm")
        self.expect(self.outside, self.one, 20, "to-vm")
        self.network(4096, bandwidth(100, 50))
        self.expect(self.one, self.outside, 100, "from-vm after the change")
        self.expect(self.outside, self.one, 50, "to-vm after the change")

    def test_the_limit_is_per_vm(self) -> None:
        self.network(4096, bandwidth(30, 1000))
        self.associate(self.one)
        self.associate(self.two)
        with self.stream(self.two, self.outside) as stream:
            self.expect(self.one, self.outside, 30, "beside another VM")
            self.assertEqual(stream.stop(), [], "the other VM has a bucket of its own")

    def test_tcp_gets_most_of_it(self) -> None:
        self.network(4096, bandwidth(50, 50))
        self.associate(self.one)
        rate = throughput(self.one, self.outside, self.lab.folder)
        print(f"\nTCP: {rate / 1e6:.1f} Mbit/s of 50", flush=True)
        # A policer drops instead of waiting, which costs TCP: no more is promised.
        self.assertTrue(0.3 <= rate / 50e6 <= MOST, rate)

    def test_without_a_limit_there_is_none(self) -> None:
        self.network(4096, "<bandwidth from-vm='10Mbit'/>")
        self.associate(self.one)
        rate = throughput(self.outside, self.one, self.lab.folder, offered="100M")
        self.assertGreater(rate, 80e6)
        self.network(4096, "")
        rate = throughput(self.one, self.outside, self.lab.folder, offered="100M")
        self.assertGreater(rate, 80e6)


if __name__ == "__main__":
    unittest.main()

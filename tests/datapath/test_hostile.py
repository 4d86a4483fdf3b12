"""One network's trouble is not another's, through the whole agent. Found by a review."""

from __future__ import annotations

import unittest

from harness.neighbours import neighbours

from .case import DatapathTest
from .packets import udp
from .test_intrusion import DETECTION

SEGMENT = "<virtual-network multicast='239.1.16.0'/>"


class Trouble(DatapathTest):
    underlay = True

    def cable(self) -> None:
        self.one, self.two, self.nobody, self.outside = neighbours(self.space)
        self.sensor = self.space.host("ids0", 250, ip=[], bridge=None)

    def enforced(self, vnid: int) -> str:
        """What the device says of itself; empty while it is away."""
        if not self.is_listed():
            return ""
        rows = self.rows("switch1", "list-policies")
        return next(row["enforced"] for row in rows if row["vnid"] == str(vnid))

    def state_at_the_server(self, vnid: int) -> dict[str, str]:
        return next(r for r in self.rows("server1", "list-networks") if r["vnid"] == str(vnid))

    def start_without(self, what: str) -> None:
        """Law 8: what cannot be enforced is not among what the device says to enforce."""
        self.net.agents["switch1"].start()
        self.wait_until(lambda: what in self.enforced(4096), f"nothing is said about {what}")
        self.assertEqual(self.enforced(5000), "yes")
        self.wait_until(
            lambda: what in str(self.state_at_the_server(4096)), "the server was not told"
        )
        self.assertNotIn(what, str(self.state_at_the_server(5000)))

    def recover(self) -> None:
        self.wait_until(lambda: self.enforced(4096) == "yes", "the network did not recover")
        self.run_command("server1", "resync")
        self.assertNotIn("refused", str(self.state_at_the_server(4096)))

    def judge(self) -> None:
        """Who is nobody is mute, and the VM of the other network talks."""
        self.passes(self.two, self.outside, udp(self.two, self.outside))
        self.drops(self.nobody, self.outside, udp(self.nobody, self.outside))

    def test_a_start_without_the_sensor_of_one_network(self) -> None:
        self.network(4096, DETECTION)
        self.network(5000)
        self.associate(self.one, 4096)
        self.associate(self.two, 5000)
        agent = self.net.agents["switch1"]
        agent.stop()
        self.space.nft("flush", "ruleset")  # the device has started again
        self.space.space.ip("link delete ids0")
        self.start_without("ids0")
        self.judge()
        # Law 1: no VM may join whose traffic would not be watched.
        (row,) = self.refused_by_device(
            "server1", "create-vm", **self.vm_fields(self.nobody, 4096)
        )
        self.assertIn("ids0", row["detail"])
        self.space.host("ids0", 251, ip=[], bridge=None)
        self.recover()

    def test_a_start_without_the_underlay(self) -> None:
        self.network(4096, SEGMENT)
        self.network(5000)
        self.associate(self.two, 5000)
        agent = self.net.agents["switch1"]
        agent.stop()
        self.space.nft("flush", "ruleset")
        self.space.space.ip("link set core0 name away")
        self.start_without("core0")
        self.judge()
        self.space.space.ip("link set away name core0")
        self.recover()

    def test_a_version_replaces_another_while_the_device_is_away(self) -> None:
        self.network("4096.1", SEGMENT)
        agent = self.net.agents["switch1"]
        agent.stop()
        self.run_command("server1", "delete-network", vnid="4096.1")
        self.run_command("server1", "create-network", policy=self.document("4096.2", SEGMENT))
        agent.start()
        self.wait_listed()
        self.wait_until(
            lambda: {row["vnid"] for row in self.rows("switch1", "list-policies")}
            == {"4096.2"},
            "the device has not the new network",
        )


if __name__ == "__main__":
    unittest.main()

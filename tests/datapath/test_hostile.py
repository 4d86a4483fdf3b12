"""One network's trouble is not another's, through the whole agent. Found by a review."""

from __future__ import annotations

import unittest

from harness.commands import CommandError, ConsoleTimeout

from .case import OUTSIDE, DatapathTest
from .packets import udp
from .test_intrusion import DETECTION

SEGMENT = "<virtual-network multicast='239.1.16.0'/>"


class Trouble(DatapathTest):
    underlay = True

    def cable(self) -> None:
        self.one = self.space.host("vm1", 1)
        self.two = self.space.host("vm2", 2)
        self.nobody = self.space.host("vm9", 9)
        self.outside = self.space.host("up0", OUTSIDE)
        self.sensor = self.space.host("ids0", 250, ip=[], bridge=None)

    def start_in_vain(self) -> None:
        """Law 8: who cannot enforce all that it acknowledged does not announce itself."""
        agent = self.net.agents["switch1"]
        agent.start()
        self.wait_until(lambda: not agent.is_running(), "switch1 did not end")
        self.assertTrue(agent.log_has("everything else is enforced"), agent.tail())

    def is_listed(self) -> bool:
        """Whether the device is online and answers."""
        try:
            self.rows("switch1", "list-policies")
        except (CommandError, ConsoleTimeout):
            return False
        return True

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
        self.start_in_vain()
        self.judge()
        self.space.host("ids0", 251, ip=[], bridge=None)
        agent.start()
        self.wait_until(self.is_listed, "switch1 did not come back")

    def test_a_start_without_the_underlay(self) -> None:
        self.network(4096, SEGMENT)
        self.network(5000)
        self.associate(self.two, 5000)
        agent = self.net.agents["switch1"]
        agent.stop()
        self.space.nft("flush", "ruleset")
        self.space.space.ip("link set core0 name away")
        self.start_in_vain()
        self.judge()
        self.space.space.ip("link set away name core0")
        agent.start()
        self.wait_until(self.is_listed, "switch1 did not come back")

    def test_a_version_replaces_another_while_the_device_is_away(self) -> None:
        self.network("4096.1", SEGMENT)
        agent = self.net.agents["switch1"]
        agent.stop()
        self.run_command("server1", "delete-network", vnid="4096.1")
        self.run_command("server1", "create-network", policy=self.document("4096.2", SEGMENT))
        agent.start()
        self.wait_until(self.is_listed, "switch1 did not come back")
        self.wait_until(
            lambda: {row["vnid"] for row in self.rows("switch1", "list-policies")}
            == {"4096.2"},
            "the device has not the new network",
        )


if __name__ == "__main__":
    unittest.main()

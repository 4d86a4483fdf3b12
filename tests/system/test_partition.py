"""Laws 5 and 6 over a network that is cut, between namespaces, without a word.

TENET_PARTITION_SECONDS is how long the cut lasts (10), which is several times what agents wait for
anything; `tests/run nightly` cuts for a minute, in which TCP waits longer and longer by itself.
"""

from __future__ import annotations

import functools
import os
import time
import unittest

from harness.brokers import chosen_broker
from harness.namespaces import Namespace
from harness.topology import Topology

from .case import SystemTest, policy

SECONDS = float(os.environ.get("TENET_PARTITION_SECONDS", "10"))
HUB = "192.0.2.1"
IMPATIENT = {"keepalive": "1s", "connect-timeout": "2s", "reconnect-max": "2s"}
CUT = """
add table ip cut
add chain ip cut in { type filter hook input priority 0; }
add chain ip cut out { type filter hook output priority 0; }
add rule ip cut in iifname "leaf" drop
add rule ip cut out oifname "leaf" drop
"""


class Partition(SystemTest):
    """server2 and switch2 stay with the broker; server1 and switch1 are on the other side."""

    servers = 2
    devices = 2

    def setUp(self) -> None:
        self.hub = Namespace()
        self.addCleanup(self.hub.close)
        self.leaf = Namespace()
        self.addCleanup(self.leaf.close)
        self.hub.ip(
            f"link add leaf type veth peer name hub netns {self.leaf.name}",
            f"address add {HUB}/24 dev leaf", "link set leaf up",
        )  # fmt: skip
        self.leaf.ip("address add 192.0.2.2/24 dev hub", "link set hub up")
        # Consoles stay where they were made: in the hub, as every thread that it begins.
        self.hub.call(self.build)
        self.mark = self.net.wire.mark()

    def build(self) -> None:
        self.net = Topology(
            self.servers, self.devices,
            broker=functools.partial(chosen_broker(), host=HUB),
            servers_config={"xmpp": IMPATIENT, "agent": {"request-timeout": "2s", "command-timeout": "2s"}},
            devices_config={"xmpp": IMPATIENT},
        )  # fmt: skip
        self.addCleanup(self.net.close)
        places = {"server1": self.leaf, "switch1": self.leaf}
        for name, agent in self.net.agents.items():
            agent.command = places.get(name, self.hub).command(*agent.command)
        process = self.net.broker.process
        process.command = self.hub.command(*process.command)
        self.net.start()
        self.net.wait_ready(60)

    def test_both_sides_keep_what_they_have_and_agree_again(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        self.done("server2", "create-network", policy=policy(4097))
        self.create_vm("server1", 4096, "web-1", 1)
        self.create_vm("server2", 4097, "db-1", 2)
        before = self.record("switch1")

        self.hub.run("nft", CUT)
        cut = time.monotonic()
        # On this side work goes on, and what is not reached is said to be so.
        result = self.run_command("server2", "create-vm", vnid="4097", vm="db-2", mac="02:00:00:00:00:0a")
        states = {r["device"].partition("@")[0]: r["state"] for r in result.rows}
        self.assertEqual(states["switch2"], "enforced")
        self.assertIn(states["switch1"], ("pending", "unreachable"))
        self.run_command("server2", "change-policy", policy=policy(4097, 2, "<qos dscp='af21'/>"))
        self.run_command("server2", "remove-vm", vnid="4097", vm="db-1")
        for name in ("server1", "switch1"):
            self.net.agents[name].wait_log("offline reason=", 60)
        self.wait_until(
            lambda: time.monotonic() - cut >= SECONDS, "time stands still", SECONDS + 5
        )
        self.assertEqual(self.record("switch1"), before, "silence withdrew something")

        mark = self.net.wire.mark()
        self.hub.run("nft", "delete table ip cut")
        self.hub.call(lambda: self.net.wait_ready(60))
        # The new revision travels with the VM that needs it.
        self.assertEqual(sorted(self.sent(mark, to="switch1")), ["associate", "dissociate"])
        self.assertEqual(self.sent(mark, to="switch2"), [])
        self.assertEqual(self.policies("switch1"), {"4096": "1", "4097": "2"})
        self.assertEqual(self.policies("switch1"), self.policies("switch2"))
        self.assertEqual(self.vms("switch1"), {"web-1": "associated", "db-2": "associated"})
        self.assertEqual(self.vms("switch1"), self.vms("switch2"))


if __name__ == "__main__":
    unittest.main()

"""One broker made of two ejabberd nodes, of which one dies: agents go on at the other."""

from __future__ import annotations

import unittest
from pathlib import Path

from harness.broker import Broker
from harness.cluster import Cluster
from harness.ejabberd import Ejabberd
from harness.operators import OWNED_MAC, VNID, Operator, account, at_work, settled
from harness.topology import Topology

from .case import SystemTest, policy


class TwoNodes(SystemTest):
    """Each agent knows both nodes; a server and a device begin at either."""

    servers = 2
    devices = 2
    cluster: Cluster

    def setUp(self) -> None:
        self.net = Topology(self.servers, self.devices, broker=self.build)
        self.addCleanup(self.cluster.close)
        self.addCleanup(self.net.close)
        first, second = (
            {"host": node.host, "port": node.port, "tls": "starttls"} for node in self.cluster.nodes
        )
        for name, agent in self.net.agents.items():
            at_first = name in ("server1", "switch2")
            agent.config["xmpp"]["brokers"] = [first, second] if at_first else [second, first]
        self.cluster.start()
        for agent in self.net.agents.values():
            agent.start()
        self.net.renew_consoles()
        self.net.wait_ready(60)

    def build(self, folder: Path) -> Broker:
        self.cluster = Cluster(folder)
        return self.cluster.second

    def kill(self, victim: Ejabberd, operators: list[Operator]) -> None:
        """Kill a node under load; what was at it goes on at the other, and the node comes back."""
        (other,) = set(self.cluster.nodes) - {victim}
        self.net.broker = other
        self.work_on(operators, 20)
        victim.kill()
        for agent in self.net.agents.values():
            self.assertTrue(agent.is_running(), agent.tail())
        self.net.renew_consoles()
        self.net.wait_ready(60)
        self.work_on(operators, 20)
        victim.start()
        self.cluster.wait_whole()

    def work_on(self, operators: list[Operator], promises: int) -> None:
        enough = sum(o.promises for o in operators) + promises
        self.wait_until(
            lambda: sum(o.promises for o in operators) >= enough, "no work is done", 60
        )

    def test_either_node_dies_under_load_and_nothing_promised_is_lost(self) -> None:
        for server in ("server1", "server2"):
            self.done(server, "create-network", policy=policy(VNID))
        self.done("server1", "create-vm", vnid=VNID, vm="vm-owner", mac=OWNED_MAC)
        operators = [Operator(self.net, number, seed=2) for number in range(4)]
        with at_work(operators):
            for node in self.cluster.nodes:
                self.kill(node, operators)
        self.net.wait_ready(60)
        print(f"two nodes killed; {account(operators)}", flush=True)
        for name in ("server1", "switch2"):
            self.assertTrue(self.net.agents[name].log_has("offline"), name)
        listed = {server: self.rows(server, "list-vms") for server in ("server1", "server2")}
        wanted = settled(operators, listed)
        for device in ("switch1", "switch2"):
            self.assertEqual(self.vms(device), wanted)
        self.assertEqual(self.record("switch1"), self.record("switch2"))


if __name__ == "__main__":
    unittest.main()

"""Steps 701-712: a VM moves from one server to another, same VNID on both sides."""

from __future__ import annotations

import unittest
from concurrent.futures import ThreadPoolExecutor

from .case import SystemTest, mac, policy


class Migration(SystemTest):
    """server1 is behind switch1, server2 behind switch2."""

    shared = True
    servers = 2
    devices = 2
    options = {
        "overrides": {
            "server1": {"device": [{"jid": "switch1@localhost"}]},
            "server2": {"device": [{"jid": "switch2@localhost"}]},
        }
    }

    def setUp(self) -> None:
        super().setUp()
        self.done("server1", "create-network", policy=policy(4096, 3, "<qos dscp='ef'/>"))
        self.create_vm("server1", 4096, "web-1", 1, ip="10.0.0.1")

    def migrate_in(self, **fields: str) -> None:
        self.done(
            "server2", "migrate-in", vnid="4096", vm="web-1", from_=self.net.jid("server1"), **fields
        )

    def test_703_706_707_network_absent_so_policy_sync_and_the_vm(self) -> None:
        mark = self.net.wire.mark()
        self.migrate_in()
        self.assertEqual(self.sent(mark, to="switch2"), ["policy-sync", "associate"])
        self.assertEqual(self.policies("switch2"), {"4096": "3"})
        self.assertEqual(self.vms("switch2"), {"web-1": "associated"})
        # MAC and address came from the source along with the policy.
        (row,) = self.rows("switch2", "list-vms")
        self.assertEqual((row["mac"], row["ip"]), (mac(1), "10.0.0.1"))

    def test_703_704_705_network_present_so_associate_alone(self) -> None:
        self.done("server2", "create-network", policy=policy(4096, 3, "<qos dscp='ef'/>"))
        mark = self.net.wire.mark()
        self.migrate_in()
        self.assertEqual(self.sent(mark, to="switch2"), ["associate"])
        self.assertEqual(self.vms("switch2"), {"web-1": "associated"})

    def test_708_709_710_another_vm_remains_so_dissociate(self) -> None:
        self.create_vm("server1", 4096, "web-2", 2)
        mark = self.net.wire.mark()
        self.done("server1", "migrate-out", vnid="4096", vm="web-1")
        self.assertEqual(self.sent(mark, to="switch1"), ["dissociate"])
        self.assertEqual(self.vms("switch1"), {"web-2": "associated"})
        self.assertEqual(self.policies("switch1"), {"4096": "3"})

    def test_708_711_712_no_other_vm_so_policy_withdraw(self) -> None:
        mark = self.net.wire.mark()
        self.done("server1", "migrate-out", vnid="4096", vm="web-1")
        self.assertEqual(self.sent(mark, to="switch1"), ["policy-withdraw"])
        self.assertEqual(self.policies("switch1"), {})

    def test_the_pairs_in_parallel(self) -> None:
        """701/702, 706/711 and 707/712 at once, from two consoles."""
        other = self.net.console()
        with ThreadPoolExecutor(2) as pool:
            into = pool.submit(
                other.execute,
                self.net.jid("server2"),
                "migrate-in",
                vnid="4096",
                vm="web-1",
                mac=mac(1),
                policy=policy(4096, 3, "<qos dscp='ef'/>"),
                from_=self.net.jid("server1"),
            )
            out = pool.submit(
                self.net.admin.execute, self.net.jid("server1"), "migrate-out", vnid="4096", vm="web-1"
            )
            for result in (into.result(), out.result()):
                self.assertEqual(result.status, "completed")
                self.assertEqual([r["state"] for r in result.rows], ["enforced"])
        self.assertEqual((self.policies("switch1"), self.vms("switch1")), ({}, {}))
        self.assertEqual(self.policies("switch2"), {"4096": "3"})
        self.assertEqual(self.vms("switch2"), {"web-1": "associated"})

    def test_pre_associate_may_stand_for_associate(self) -> None:
        mark = self.net.wire.mark()
        self.migrate_in(state="pre-associated")
        self.assertEqual(self.sent(mark, to="switch2"), ["policy-sync", "pre-associate"])
        self.done("server1", "migrate-out", vnid="4096", vm="web-1")
        self.done("server2", "activate-vm", vnid="4096", vm="web-1")
        self.assertEqual(self.vms("switch2"), {"web-1": "associated"})

    def test_without_source_and_policy_the_command_says_what_it_needs(self) -> None:
        why = self.refused_at_once(
            "server2", "migrate-in", vnid="4096", vm="web-1", mac=mac(1)
        )
        self.assertIn("`from`", why)
        self.assertEqual(self.rows("server2", "list-networks"), [])

    def test_a_source_that_is_gone_is_named(self) -> None:
        self.net.agents["server1"].stop()
        why = self.refused_at_once(
            "server2", "migrate-in", vnid="4096", vm="web-1", from_=self.net.jid("server1")
        )
        self.assertIn("unreachable", why)
        self.assertIn("server1@localhost", why)


class MigrationBehindOneDevice(SystemTest):
    """Both servers behind the same device: the VM changes hands there."""

    shared = True
    servers = 2

    def setUp(self) -> None:
        super().setUp()
        self.done("server1", "create-network", policy=policy(4096))
        self.create_vm("server1", 4096, "web-1", 1)

    def owner(self) -> dict[str, str]:
        return {r["vm"]: r["server"] for r in self.rows("switch1", "list-vms")}

    def test_target_first_takes_the_vm_over_without_a_gap(self) -> None:
        self.done(
            "server2", "migrate-in", vnid="4096", vm="web-1", from_=self.net.jid("server1")
        )
        self.assertEqual(self.owner(), {"web-1": "server2@localhost"})
        # Law 3: what the source says later changes nothing.
        self.done("server1", "migrate-out", vnid="4096", vm="web-1")
        self.assertEqual(self.owner(), {"web-1": "server2@localhost"})
        self.assertEqual(self.policies("switch1"), {"4096": "1"})

    def test_source_first(self) -> None:
        self.done("server1", "migrate-out", vnid="4096", vm="web-1")
        self.assertEqual(self.owner(), {})
        self.done(
            "server2",
            "migrate-in",
            vnid="4096",
            vm="web-1",
            mac=mac(1),
            from_=self.net.jid("server1"),
        )
        self.assertEqual(self.owner(), {"web-1": "server2@localhost"})

    def test_there_and_back_again_no_server_takes_the_vm_later(self) -> None:
        """A takeover that is done is not asked for again, by whatever reconnects."""
        there = {"vnid": "4096", "vm": "web-1", "from_": self.net.jid("server1")}
        self.done("server2", "migrate-in", **there)
        back = {"vnid": "4096", "vm": "web-1", "from_": self.net.jid("server2")}
        self.done("server1", "migrate-in", **back)
        self.assertEqual(self.owner(), {"web-1": "server1@localhost"})
        for server in ("server2", "server1", "server2"):
            self.run_command(server, "resync")
            self.assertEqual(self.owner(), {"web-1": "server1@localhost"})
            self.net.agents[server].restart()
            self.net.wait_ready()
            self.assertEqual(self.owner(), {"web-1": "server1@localhost"})

    def test_a_source_whose_policy_went_with_the_vm_sends_it_again(self) -> None:
        into = {"vnid": "4096", "vm": "web-1", "from_": self.net.jid("server1")}
        self.done("server2", "migrate-in", **into)
        self.done("server2", "remove-vm", vnid="4096", vm="web-1")
        self.assertEqual(self.policies("switch1"), {})
        self.create_vm("server1", 4096, "web-2", 2)
        self.assertEqual(self.policies("switch1"), {"4096": "1"})

    def test_the_source_coming_back_from_a_restart_does_not_take_the_vm_back(self) -> None:
        self.done(
            "server2", "migrate-in", vnid="4096", vm="web-1", from_=self.net.jid("server1")
        )
        self.net.agents["server1"].kill()
        self.net.agents["server1"].start()
        self.net.wait_ready()
        (row,) = self.rows("server1", "list-vms")
        self.assertEqual(row["delivery"], "refused")
        self.assertIn("vm-conflict", row["detail"])
        self.assertEqual(self.owner(), {"web-1": "server2@localhost"})


if __name__ == "__main__":
    unittest.main()

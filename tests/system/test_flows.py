"""The seed's flows, step by step, driven over ad-hoc commands and checked on the wire."""

from __future__ import annotations

import unittest

from .case import SystemTest, mac, policy

BANDWIDTH_50 = "<bandwidth from-vm='50Mbit' to-vm='50Mbit'/>"
BANDWIDTH_100 = "<bandwidth from-vm='100Mbit' to-vm='100Mbit'/>"


class CreateAndRemove(SystemTest):
    """Steps 101-104 with 401-404, and 201-204 with 501-504."""

    shared = True

    def test_101_102_401_402_create_network_syncs_policy_to_the_device(self) -> None:
        self.done("server1", "create-network", policy=policy(4096, 7, BANDWIDTH_50))
        (batch,) = self.batches()
        self.assertEqual(batch.operations, ["policy-sync"])
        sent = batch.payload[0][0]
        self.assertEqual((sent.get("vnid"), sent.get("revision")), ("4096", "7"))
        self.assertEqual(sent[0].get("from-vm"), "50Mbit")
        (answer,) = self.answers()
        self.assertEqual((answer.done, answer.refused), ([1], {}))
        self.assertEqual(self.policies("switch1"), {"4096": "7"})
        self.assertIn("network 4096 rate-limit from-vm 50Mbit", self.record("switch1"))

    def test_103_104_403_404_create_vm_associates_without_the_policy(self) -> None:
        self.done("server1", "create-network", policy=policy(4096, 1, BANDWIDTH_50))
        mark = self.net.wire.mark()
        self.create_vm("server1", 4096, "web-1", 1, ip="10.0.0.1 2001:db8::1", port="eth1")
        (batch,) = self.batches(mark)
        self.assertEqual(batch.operations, ["associate"])
        associate = batch.payload[0]
        self.assertEqual(len(associate), 0, "no policy travels with the VM")
        self.assertEqual(associate.get("mac"), mac(1))
        self.assertEqual(associate.get("ip"), "10.0.0.1 2001:db8::1")
        (answer,) = self.answers(mark)
        self.assertEqual(answer.done, [1])
        self.assertEqual(self.vms("switch1"), {"web-1": "associated"})
        self.assertIn(
            f"vm 4096/web-1 mac {mac(1)} ip 10.0.0.1 2001:db8::1 port eth1", self.record("switch1")
        )

    def test_104_404_pre_associate_maps_but_does_not_enable(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        mark = self.net.wire.mark()
        self.create_vm("server1", 4096, "web-1", 1, state="pre-associated", reserve="true")
        (batch,) = self.batches(mark)
        self.assertEqual(batch.operations, ["pre-associate"])
        self.assertEqual(batch.payload[0].get("reserve"), "true")
        self.assertEqual(self.vms("switch1"), {"web-1": "pre-associated"})
        self.assertFalse([line for line in self.record("switch1") if line.startswith("vm ")])

        mark = self.net.wire.mark()
        self.done("server1", "activate-vm", vnid="4096", vm="web-1")
        self.assertEqual(self.sent(mark), ["associate"])
        self.assertEqual(self.vms("switch1"), {"web-1": "associated"})
        self.assertTrue([line for line in self.record("switch1") if line.startswith("vm ")])

    def test_201_203_501_503_another_vm_remains_so_dissociate(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        self.create_vm("server1", 4096, "web-1", 1)
        self.create_vm("server1", 4096, "web-2", 2)
        mark = self.net.wire.mark()
        self.done("server1", "remove-vm", vnid="4096", vm="web-1")
        (batch,) = self.batches(mark)
        self.assertEqual(batch.operations, ["dissociate"])
        self.assertEqual(batch.payload[0].attrib, {"vnid": "4096", "vm": "web-1"})
        self.assertEqual(self.answers(mark)[0].done, [1])
        self.assertEqual(self.vms("switch1"), {"web-2": "associated"})
        self.assertEqual(self.policies("switch1"), {"4096": "1"})

    def test_202_204_504_last_vm_removed_so_policy_withdraw(self) -> None:
        self.done("server1", "create-network", policy=policy(4096, 1, BANDWIDTH_50))
        self.create_vm("server1", 4096, "web-1", 1)
        mark = self.net.wire.mark()
        self.done("server1", "remove-vm", vnid="4096", vm="web-1")
        (batch,) = self.batches(mark)
        self.assertEqual(batch.operations, ["policy-withdraw"])
        self.assertEqual(batch.payload[0].attrib, {"vnid": "4096"})
        self.assertEqual(self.answers(mark)[0].done, [1])
        self.assertEqual(self.policies("switch1"), {})
        self.assertEqual(self.vms("switch1"), {})
        self.assertEqual(self.record("switch1"), [])

    def test_after_the_withdrawal_the_next_vm_brings_the_policy_back(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        self.create_vm("server1", 4096, "web-1", 1)
        self.done("server1", "remove-vm", vnid="4096", vm="web-1")
        mark = self.net.wire.mark()
        self.create_vm("server1", 4096, "web-2", 2)
        (batch,) = self.batches(mark)
        self.assertEqual(batch.operations, ["policy-sync", "associate"])
        self.assertEqual(self.policies("switch1"), {"4096": "1"})

    def test_delete_network_withdraws_and_forgets(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        mark = self.net.wire.mark()
        self.done("server1", "delete-network", vnid="4096")
        self.assertEqual(self.sent(mark), ["policy-withdraw"])
        self.assertEqual(self.rows("server1", "list-networks"), [])
        self.assertEqual(self.policies("switch1"), {})


class ChangePolicy(SystemTest):
    """Steps 301-302 with 601-602."""

    shared = True

    def test_301_302_601_602_one_update_whatever_the_number_of_vms(self) -> None:
        self.done("server1", "create-network", policy=policy(4096, 1, BANDWIDTH_50))
        for number in range(1, 6):
            self.create_vm("server1", 4096, f"web-{number}", number)
        mark = self.net.wire.mark()
        self.done("server1", "change-policy", policy=policy(4096, 2, BANDWIDTH_100))
        (batch,) = self.batches(mark)
        self.assertEqual(batch.operations, ["policy-update"])
        self.assertEqual(batch.payload[0][0].get("revision"), "2")
        self.assertEqual(self.answers(mark)[0].done, [1])
        self.assertEqual(self.policies("switch1"), {"4096": "2"})
        self.assertEqual(len(self.vms("switch1")), 5)
        self.assertIn("network 4096 rate-limit to-vm 100Mbit", self.record("switch1"))
        self.assertNotIn("network 4096 rate-limit to-vm 50Mbit", self.record("switch1"))

    def test_associate_with_a_newer_policy_replaces_it(self) -> None:
        self.done("server1", "create-network", policy=policy(4096, 1, BANDWIDTH_50))
        self.create_vm("server1", 4096, "web-1", 1, state="pre-associated")
        mark = self.net.wire.mark()
        newer = policy(4096, 2, BANDWIDTH_100)
        self.done("server1", "activate-vm", vnid="4096", vm="web-1", policy=newer)
        (batch,) = self.batches(mark)
        self.assertEqual(batch.operations, ["associate"])
        self.assertEqual(batch.payload[0][0].get("revision"), "2")
        self.assertEqual(self.policies("switch1"), {"4096": "2"})
        self.assertEqual(self.vms("switch1"), {"web-1": "associated"})


class SeveralDevices(SystemTest):
    """A network may have several devices; the server tells each one separately."""

    shared = True
    devices = 3

    def test_every_device_gets_the_policy_and_the_vm(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        self.create_vm("server1", 4096, "web-1", 1)
        for device in ("switch1", "switch2", "switch3"):
            self.assertEqual(self.sent(to=device), ["policy-sync", "associate"])
            self.assertEqual(self.policies(device), {"4096": "1"})
            self.assertEqual(self.vms(device), {"web-1": "associated"})

    def test_devices_of_a_network_and_of_a_vm_can_be_chosen(self) -> None:
        chosen = [self.net.bare_jid("switch1"), self.net.bare_jid("switch2")]
        self.done("server1", "create-network", policy=policy(4096), devices=chosen)
        self.create_vm("server1", 4096, "web-1", 1, devices=[self.net.bare_jid("switch2")])
        self.assertEqual(self.vms("switch1"), {})
        self.assertEqual(self.vms("switch2"), {"web-1": "associated"})
        self.assertEqual(self.policies("switch3"), {})
        # A VM on a device beyond those of its network brings the policy along.
        self.create_vm("server1", 4096, "web-2", 2, devices=[self.net.bare_jid("switch3")])
        self.assertEqual(self.sent(to="switch3"), ["policy-sync", "associate"])

    def test_one_device_down_delays_only_itself(self) -> None:
        self.net.agents["switch2"].stop()
        self.wait_until(
            lambda: "offline" in [r["state"] for r in self.rows("server1", "list-devices")],
            "server1 did not notice that switch2 is gone",
        )
        result = self.run_command("server1", "create-network", policy=policy(4096))
        states = {r["device"].split("@")[0]: r["state"] for r in result.rows}
        self.assertEqual(
            states, {"switch1": "enforced", "switch2": "unreachable", "switch3": "enforced"}
        )
        self.net.agents["switch2"].start()
        self.net.wait_ready()
        self.assertEqual(self.policies("switch2"), {"4096": "1"})


class TwoServersOneDevice(SystemTest):
    """Law 7: a policy lives while any server claims it."""

    shared = True
    servers = 2

    def test_withdrawal_by_one_server_leaves_the_other_its_policy(self) -> None:
        for number, server in enumerate(("server1", "server2"), 1):
            self.done(server, "create-network", policy=policy(4096, 1, BANDWIDTH_50))
            self.create_vm(server, 4096, f"vm-of-{server}", number)
        self.done("server1", "remove-vm", vnid="4096", vm="vm-of-server1")
        self.assertEqual(self.sent()[-1], "policy-withdraw")
        self.assertEqual(self.policies("switch1"), {"4096": "1"})
        self.assertEqual(self.vms("switch1"), {"vm-of-server2": "associated"})
        self.done("server2", "remove-vm", vnid="4096", vm="vm-of-server2")
        self.assertEqual(self.policies("switch1"), {})

    def test_a_claim_without_vms_holds_the_policy_too(self) -> None:
        for server in ("server1", "server2"):
            self.done(server, "create-network", policy=policy(4096))
        self.done("server1", "delete-network", vnid="4096")
        self.assertEqual(self.policies("switch1"), {"4096": "1"})

    def test_the_same_vm_of_another_server_is_a_conflict(self) -> None:
        for server in ("server1", "server2"):
            self.done(server, "create-network", policy=policy(4096))
        self.create_vm("server1", 4096, "web-1", 1)
        (row,) = self.refused_by_device(
            "server2", "create-vm", vnid="4096", vm="web-1", mac=mac(1)
        )
        self.assertIn("vm-conflict", row["detail"])
        self.assertIn("server1@localhost", row["detail"])
        self.assertEqual(self.vms("switch1"), {"web-1": "associated"})
        self.assertEqual(self.rows("server2", "list-vms"), [], "the refused VM left no trace")


if __name__ == "__main__":
    unittest.main()

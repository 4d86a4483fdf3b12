"""Laws 1, 5, 6 and 8 against kill -9, restarts and a lost broker."""

from __future__ import annotations

import unittest

from .case import SystemTest, mac, policy


class Durability(SystemTest):
    """What was acknowledged is there after any crash."""

    def fill(self) -> None:
        self.done("server1", "create-network", policy=policy(4096, 5, "<qos dscp='af21'/>"))
        self.done("server1", "create-network", policy=policy("4096.2", 1))
        self.create_vm("server1", 4096, "web-1", 1, ip="10.0.0.1", port="eth1")
        self.create_vm("server1", 4096, "web-2", 2, state="pre-associated", reserve="true")
        self.done("server1", "create-vm", vnid="4096.2", vm="db-1", mac=mac(3))

    def device_tables(self) -> tuple[list, list]:
        return self.rows("switch1", "list-policies"), self.device_vms("switch1")

    def test_kill_9_of_a_device_agent_loses_nothing_without_any_server(self) -> None:
        self.fill()
        before, datapath = self.device_tables(), self.record("switch1")
        self.net.agents["server1"].stop()
        device = self.net.agents["switch1"]
        device.kill()
        device.record_file.unlink()
        mark = self.net.wire.mark()
        device.start()
        self.wait_until(lambda: self.online("switch1"), "switch1 did not come back")
        self.assertEqual(self.device_tables(), before)
        self.assertEqual(self.record("switch1"), datapath)
        self.assertEqual(self.net.wire.messages(mark), [], "no server said anything")

    def wishes(self) -> list[dict[str, str]]:
        """What the server wants, and how far it is; not since when it knows."""
        networks = self.rows("server1", "list-networks")
        return [{**row, "since": ""} for row in networks] + self.rows("server1", "list-vms")

    def test_kill_9_of_a_server_agent_loses_nothing(self) -> None:
        self.fill()
        before = self.wishes()
        device_before = self.device_tables()
        server = self.net.agents["server1"]
        server.kill()
        mark = self.net.wire.mark()
        server.start()
        self.net.wait_ready()
        self.assertEqual(self.wishes(), before)
        self.assertEqual(self.device_tables(), device_before)
        names = [m.name for m in self.net.wire.messages(mark) if m.type in ("get", "set")]
        self.assertEqual(names, ["hello", "synced"], "equal roots, so nothing else is sent")

    def test_the_epoch_rises_with_each_start_of_the_server(self) -> None:
        self.fill()
        epochs = {int(m.payload.get("epoch", "0")) for m in self.batches()}
        self.net.agents["server1"].restart()
        self.net.wait_ready()
        mark = self.net.wire.mark()
        self.done("server1", "remove-vm", vnid="4096", vm="web-1")
        (batch,) = self.batches(mark)
        self.assertGreater(int(batch.payload.get("epoch", "0")), max(epochs))

    def test_clean_stop_and_start_of_both(self) -> None:
        self.fill()
        before = self.device_tables()
        for agent in self.net.agents.values():
            agent.restart()
        self.net.wait_ready()
        self.assertEqual(self.device_tables(), before)

    def test_law_1_without_the_store_nothing_is_acknowledged_and_nothing_enforced(self) -> None:
        import sqlite3

        server = self.net.agents["server1"]
        server.stop()
        server.config["agent"]["command-timeout"] = "1s"
        server.start()
        self.net.wait_ready()
        before = self.record("switch1")
        database = sqlite3.connect(self.net.agents["switch1"].state_file, isolation_level=None)
        self.addCleanup(database.close)
        database.execute("BEGIN IMMEDIATE")  # the device cannot write while this is open
        result = self.run_command("server1", "create-network", policy=policy(4096))
        self.assertEqual([r["state"] for r in result.rows], ["pending"])
        self.assertEqual(self.policies("switch1"), {})
        self.assertEqual(self.record("switch1"), before)
        self.assertEqual(self.answers(), [], "no batch was answered with done")
        database.execute("ROLLBACK")
        self.net.wait_ready()
        self.assertEqual(self.policies("switch1"), {"4096": "1"})

    def test_a_second_process_on_the_same_state_is_refused(self) -> None:
        import subprocess

        for name in ("server1", "switch1"):
            agent = self.net.agents[name]
            second = subprocess.run(agent.command, capture_output=True, text=True, timeout=20)
            self.assertEqual(second.returncode, 1)
            self.assertIn("is in use by process", second.stderr)
            self.assertTrue(agent.is_running())

    def online(self, agent: str) -> bool:
        from harness.commands import CommandError

        try:
            self.net.admin.execute(self.net.jid(agent), "list-policies")
        except CommandError:
            return False
        return True


class LostBroker(SystemTest):
    """Laws 5 and 6: silence withdraws nothing; reconnecting costs what differs."""

    servers = 2
    devices = 2

    def test_broker_stopped_and_started_again(self) -> None:
        for vnid in range(100, 140):
            self.done("server1", "create-network", policy=policy(vnid, 1, "<qos class='1'/>"))
        self.create_vm("server1", 100, "web-1", 1)
        before = {d: self.record(d) for d in ("switch1", "switch2")}

        self.net.broker.stop()
        self.wait_until(
            lambda: all(a.log_has("offline") for a in self.net.agents.values()),
            "the agents did not notice",
        )
        for device, datapath in before.items():
            self.assertEqual(self.record(device), datapath, "silence withdrew something")

        mark = self.net.wire.mark()
        self.net.broker.start()
        self.net.wait_ready(60)
        names = {m.name for m in self.net.wire.messages(mark) if m.type in ("get", "set")}
        self.assertEqual(names, {"hello", "synced"}, "nothing differed, so only roots travel")
        for device, datapath in before.items():
            self.assertEqual(self.record(device), datapath)

    def test_only_what_differs_is_sent(self) -> None:
        for vnid in range(100, 140):
            self.done("server1", "create-network", policy=policy(vnid, 1, "<qos class='1'/>"))
        switch2 = self.net.agents["switch2"]
        switch2.stop()
        self.wait_until(
            lambda: "offline" in [r["state"] for r in self.rows("server1", "list-devices")],
            "server1 did not notice that switch2 is gone",
        )
        self.run_command("server1", "change-policy", policy=policy(117, 2, "<qos class='2'/>"))
        self.run_command("server1", "create-vm", vnid="123", vm="web-1", mac=mac(1))
        self.run_command("server1", "delete-network", vnid="131")
        # A server that has forgotten what it sent has to find out by digests.
        self.net.agents["server1"].kill()
        self.net.agents["server1"].start()
        mark = self.net.wire.mark()
        switch2.start()
        self.net.wait_ready(60)
        sent = sorted(self.sent(mark, to="switch2"))
        self.assertEqual(sent, ["associate", "policy-update", "policy-withdraw"])
        self.assertEqual(self.policies("switch2"), self.policies("switch1"))
        self.assertEqual(self.vms("switch2"), {"web-1": "associated"})
        self.assertEqual(self.sent(mark, to="switch1"), [])

    def test_what_was_asked_while_the_broker_was_away_is_not_lost(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        self.net.broker.kill()
        self.net.broker.start()
        self.net.wait_ready(60)
        self.create_vm("server1", 4096, "web-1", 1)
        self.assertEqual(self.vms("switch1"), {"web-1": "associated"})


if __name__ == "__main__":
    unittest.main()

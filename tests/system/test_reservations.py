"""Reservations end when their server is silent, and come back with it."""

from __future__ import annotations

import unittest

from .case import SystemTest, mac, policy


class Reservations(SystemTest):
    """switch1 has room for one VM; a server that is silent keeps it for no more than a moment."""

    servers = 2
    options = {"devices_config": {"capacity": {"vms": 1, "reservation-timeout": "1s"}}}

    def setUp(self) -> None:
        super().setUp()
        for server in ("server1", "server2"):
            self.done(server, "create-network", policy=policy(4096))

    def reserve(self) -> None:
        self.create_vm("server1", 4096, "web-1", 1, state="pre-associated", reserve="true")

    def reservation(self) -> str:
        (row,) = [r for r in self.rows("switch1", "list-vms") if r["vm"] == "web-1"]
        return row["reserve"]

    def wait_for_the_end(self) -> None:
        self.wait_until(lambda: self.reservation() == "no", "the reservation did not end")

    def used(self) -> str:
        (row,) = [r for r in self.rows("switch1", "show-capacity") if r["capacity"] == "vms"]
        return row["used"]

    def test_of_a_killed_server_another_gets_the_place(self) -> None:
        self.reserve()
        self.net.agents["server1"].kill()
        self.wait_for_the_end()
        self.net.agents["switch1"].wait_log(
            "reservation ended.*server=server1@localhost.*vnid=4096.*vm=web-1"
        )
        self.assertEqual(self.used(), "0")
        self.assertEqual(self.vms("switch1"), {"web-1": "pre-associated"}, "the VM stays")
        self.create_vm("server2", 4096, "web-2", 2)
        # The first server comes back, finds the difference and is told why it stays.
        mark = self.net.wire.mark()
        self.net.agents["server1"].start()
        self.net.wait_ready()
        self.assertEqual(self.sent(mark), ["pre-associate"])
        (row,) = [r for r in self.rows("server1", "list-vms") if r["vm"] == "web-1"]
        self.assertEqual(row["delivery"], "refused")
        self.assertIn("no-resources", row["detail"])
        # What was freed is granted to whoever asks next.
        self.done("server2", "remove-vm", vnid="4096", vm="web-2")
        self.done("server1", "resync")

    def test_the_time_goes_on_while_the_device_is_away(self) -> None:
        self.reserve()
        self.net.agents["server1"].kill()
        switch1 = self.net.agents["switch1"]
        switch1.kill()
        switch1.start()
        self.wait_until(lambda: self.online(), "switch1 did not come back")
        self.wait_for_the_end()
        self.assertEqual(self.used(), "0")

    def online(self) -> bool:
        return "switch1@localhost/device-agent" in [
            r["device"] for r in self.rows("server2", "list-devices") if r["state"] == "synchronized"
        ]


class LivingServer(SystemTest):
    options = {
        "devices_config": {"capacity": {"vms": 1, "reservation-timeout": "4s"}},
        "servers_config": {"agent": {"audit-interval": "500ms"}},
    }

    def test_its_audits_renew(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        self.create_vm("server1", 4096, "web-1", 1, state="pre-associated", reserve="true")

        def until() -> str:
            (row,) = self.rows("switch1", "list-vms")
            return row["reserve"]

        # Times in this form are in order as text. Twice: the second renewal is long after the end
        # of what was granted first.
        for _ in range(2):
            first = until()
            self.assertRegex(first, r"^until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            self.wait_until(
                lambda first=first: until().startswith("until") and until() > first,
                "no audit renewed the reservation",
            )


if __name__ == "__main__":
    unittest.main()

"""A policy changes at once: no packet ever meets half of the old one and half of the new one."""

from __future__ import annotations

import unittest

from .case import DatapathTest
from .test_acl import acl

CHANGES = 30
DENY = "deny protocol='udp'"


class Change(DatapathTest):
    def cable(self) -> None:
        self.one = self.space.host("vm1", 1)
        self.two = self.space.host("vm2", 2)

    def begin(self, entries: str) -> None:
        self.network(4096, entries)
        self.associate(self.one)
        self.associate(self.two)

    def test_what_old_and_new_deny_never_passes(self) -> None:
        # Half of one with half of the other would permit it.
        leaving, arriving = acl("permit", (DENY,), ()), acl("permit", (), (DENY,))
        self.begin(leaving)
        with self.stream(self.one, self.two, interval=0.0002) as stream:
            for _ in range(CHANGES):
                self.network(4096, arriving)
                self.network(4096, leaving)
            stream.wait_sent(100)
            stream.stop()
            self.assertGreater(stream.sent, 1000)
            passed = sorted(stream.arrived())
            self.assertEqual(passed[:10], [], f"{len(passed)} passed of {stream.sent}")
        # That they could have arrived, this shows.
        self.network(4096)
        with self.stream(self.one, self.two) as stream:
            stream.wait_arrived()

    def test_what_old_and_new_permit_is_never_lost(self) -> None:
        permit = "permit protocol='udp'"
        forms = (
            acl("permit"),
            acl("deny", (permit,), (permit,)),
            acl("permit", ("deny protocol='tcp'",), ("deny protocol='tcp'",))
            + "<bandwidth from-vm='50Mbit' to-vm='50Mbit'/>",
            "<bandwidth from-vm='100Mbit' to-vm='100Mbit'/><qos dscp='af21' class='3'/>",
            "<dhcp-snooping enabled='true'/>",
        )
        self.begin(forms[0])
        for version in (4, 6):
            with self.stream(self.one, self.two, version=version, interval=0.0005) as stream:
                stream.wait_arrived()
                for number in range(CHANGES):
                    self.network(4096, forms[number % len(forms)])
                stream.wait_sent(100)
                self.assertEqual(stream.stop(), [], f"IPv{version}")

    def test_other_vms_and_networks_come_and_go_without_any_loss(self) -> None:
        self.begin("<bandwidth from-vm='100Mbit' to-vm='100Mbit'/>")
        others = [self.space.host(f"vm{number}", number) for number in (3, 4)]
        with self.stream(self.one, self.two, interval=0.0005) as stream:
            stream.wait_arrived()
            for _ in range(5):
                self.associate(others[0])
                document = self.document(5000, "<qos class='1'/>")
                self.done("server1", "create-network", policy=document)
                self.associate(others[1], 5000)
                self.remove(others[0])
                self.remove(others[1], 5000)
                self.done("server1", "delete-network", vnid="5000")
            stream.wait_sent(100)
            self.assertEqual(stream.stop(), [])


if __name__ == "__main__":
    unittest.main()

"""igmp-snooping: a group's packets go where it was joined; without it they go everywhere."""

from __future__ import annotations

import unittest

from harness.vm_host import VmHost, received

from .case import DatapathTest, carries

SEGMENT = "<virtual-network multicast='239.1.16.0'/>"
SNOOPING = SEGMENT + "<igmp-snooping enabled='true'/>"
GROUP = "239.7.7.7"
PORT = 7000


class Igmp(DatapathTest):
    underlay = True
    bridge = None

    def cable(self) -> None:
        self.sender = self.space.host("vm1", 1)
        self.joiner = self.space.host("vm2", 2)
        self.other = self.space.host("vm3", 3)

    def everyone(self, entries: str) -> None:
        self.network(4096, entries)
        for host in (self.sender, self.joiner, self.other):
            self.associate(host)

    def reaches(self, *hosts: VmHost) -> list[bool]:
        """Which of the hosts one packet to the group reaches, on the wire."""
        taps = [self.tap(host) for host in hosts]
        for tap in taps:
            tap.clear()
        token = b"group-%d" % next(self._tokens)
        self.sender.send_udp(GROUP, PORT, [token])
        return [tap.arrives(carries(token), 0.2) for tap in taps]

    def test_only_who_joined_gets_it(self) -> None:
        self.everyone(SNOOPING)
        listener = self.joiner.udp_socket(PORT, group=GROUP)
        # The bridge floods until it has been the querier for as long as answers may take.
        self.wait_until(
            lambda: self.reaches(self.joiner, self.other) == [True, False],
            "a group's packets do not go just to who joined",
            40,
        )
        self.assertTrue(received(listener))
        second = self.other.udp_socket(PORT, group=GROUP)
        self.wait_until(
            lambda: self.reaches(self.joiner, self.other) == [True, True], "nor to a second one"
        )
        second.close()
        self.wait_until(
            lambda: self.reaches(self.joiner, self.other) == [True, False],
            "who left still gets it",
            40,
        )

    def test_without_snooping_it_is_flooded(self) -> None:
        self.everyone(SEGMENT)
        self.joiner.udp_socket(PORT, group=GROUP)
        self.assertEqual(self.reaches(self.joiner, self.other), [True, True])
        self.assertEqual(self.settings(), (0, 0))

    def test_a_change_turns_it_on_and_off(self) -> None:
        self.network(4096, SEGMENT)
        self.assertEqual(self.settings(), (0, 0))
        self.network(4096, SNOOPING)
        self.assertEqual(self.settings(), (1, 1))
        self.network(4096, SEGMENT)
        self.assertEqual(self.settings(), (0, 0))

    def test_who_had_joined_before_it_was_turned_on_still_gets_it(self) -> None:
        self.everyone(SEGMENT)
        listener = self.joiner.udp_socket(PORT, group=GROUP)
        self.assertEqual(self.reaches(self.joiner, self.other), [True, True])
        self.network(4096, SNOOPING)  # and so the bridge asks who has joined
        self.wait_until(
            lambda: self.reaches(self.joiner, self.other) == [True, False],
            "a group's packets do not go just to who had joined",
            40,
        )
        received(listener)
        self.sender.send_udp(GROUP, PORT, [b"last"])
        self.wait_until(lambda: b"last" in received(listener), "the joiner's socket has it")

    def settings(self) -> tuple[int, int]:
        """The bridge's snooping and querier."""
        (bridge,) = self.space.space.ip_json("link", "show", "tb-4096")
        data = bridge["linkinfo"]["info_data"]
        return data["mcast_snooping"], data["mcast_querier"]


if __name__ == "__main__":
    unittest.main()

"""igmp-snooping: a group's packets go where it was joined; without it they go everywhere.

With IGMP and with MLD.
"""

from __future__ import annotations

import socket
import unittest

from scapy.layers.vxlan import VXLAN

from harness.frames import FrameSocket
from harness.vm_host import VmHost, received

from .case import DatapathTest, carries

SEGMENT = "<virtual-network multicast='239.1.16.0'/>"
SNOOPING = SEGMENT + "<igmp-snooping enabled='true'/>"
PORT = 7000


class Igmp(DatapathTest):
    shared = True
    group = "239.7.7.7"
    version = 4
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

    def join(self, host: VmHost) -> socket.socket:
        """A socket that has joined the group."""
        return host.udp_socket(PORT, self.version, self.group)

    def reaches(self, *hosts: VmHost) -> list[bool]:
        """Which of the hosts one packet to the group reaches, on the wire."""
        taps = [self.tap(host) for host in hosts]
        for tap in taps:
            tap.clear()
        token = b"group-%d" % next(self._tokens)
        self.sender.send_udp(self.group, PORT, [token])
        return [tap.arrives(carries(token), 0.2) for tap in taps]

    def test_only_who_joined_gets_it(self) -> None:
        self.everyone(SNOOPING)
        listener = self.join(self.joiner)
        # The bridge floods until it has been the querier for as long as answers may take.
        self.wait_until(
            lambda: self.reaches(self.joiner, self.other) == [True, False],
            "a group's packets do not go just to who joined",
            40,
        )
        self.assertTrue(received(listener))
        second = self.join(self.other)
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
        self.join(self.joiner)
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
        listener = self.join(self.joiner)
        self.assertEqual(self.reaches(self.joiner, self.other), [True, True])
        self.network(4096, SNOOPING)  # and so the bridge asks who has joined
        self.wait_until(
            lambda: self.reaches(self.joiner, self.other) == [True, False],
            "a group's packets do not go just to who had joined",
            40,
        )
        received(listener)
        self.sender.send_udp(self.group, PORT, [b"last"])
        self.wait_until(lambda: b"last" in received(listener), "the joiner's socket has it")

    def settings(self) -> tuple[int, int]:
        """The bridge's snooping and querier."""
        (bridge,) = self.space.space.ip_json("link", "show", "tb-4096")
        data = bridge["linkinfo"]["info_data"]
        return data["mcast_snooping"], data["mcast_querier"]


class Mld(Igmp):
    """The same with IPv6: RFC 3810, and the reports' senders pass the source guard."""

    group = "ff15::7:7"
    version = 6


class Queriers(DatapathTest):
    """Two devices of one network."""

    devices = 2
    underlay = True
    bridge = None

    def cable(self) -> None:
        self.hosts = [space.host("vm1", number) for number, space in enumerate(self.spaces, 1)]

    def test_each_device_asks_its_own_vms_whatever_the_policy_denies(self) -> None:
        """One that heard another would leave the asking to it, and the answers would end."""
        deny = "<acl default='deny'/>"
        self.network(4096, SEGMENT + deny)
        for host, space in zip(self.hosts, self.spaces, strict=True):
            self.associate(host, devices=self.net.agents[space.name].bare_jid)
        core = FrameSocket(self.segment, "to-switch1")
        taps = [self.tap(host) for host in self.hosts]
        self.network(4096, SNOOPING + deny)  # and so it asks
        for tap in taps:
            for group in ("01:00:5e:00:00:01", "33:33:00:00:00:01"):  # all hosts, all nodes
                tap.wait_for(lambda f, group=group: f.dst == group, "the question", 40)
        macs = {host.mac for host in self.hosts}
        foreign = core.count(lambda f: VXLAN in f and f[VXLAN].payload.src not in macs)
        self.assertEqual(foreign, 0, "the bridges' own frames in the overlay")


if __name__ == "__main__":
    unittest.main()

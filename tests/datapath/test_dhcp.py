"""dhcp-snooping: no VM plays the server, and who has a lease talks with what it was leased."""

from __future__ import annotations

import unittest
from ipaddress import ip_interface

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import UDP
from scapy.packet import Packet

from harness.dhcp import DhcpServer, lease, renew
from harness.vm_host import VmHost

from .case import OUTSIDE, DatapathTest
from .packets import arp, udp

SNOOPING = "<dhcp-snooping enabled='true'/>"
LEASED = "10.0.0.100"


class Dhcp(DatapathTest):
    def cable(self) -> None:
        self.client = self.space.host("vm1", 1, ip=[])
        self.rogue = self.space.host("vm2", 2)
        self.outside = self.space.host("up0", OUTSIDE)

    def offers(self, version: int) -> tuple[int, int]:
        """Source and destination port of what a server says."""
        return (67, 68) if version == 4 else (547, 546)

    def test_what_only_servers_send_does_not_come_from_a_vm(self) -> None:
        self.network(4096, SNOOPING)
        self.associate(self.rogue)
        fine = self.rogue, udp(self.rogue, self.outside)
        for version in (4, 6):
            source, port = self.offers(version)
            offer = udp(self.rogue, self.outside, port, source, version)
            self.drops(self.rogue, self.outside, offer, after=fine)
            other = udp(self.rogue, self.outside, port, source + 1, version)
            self.passes(self.rogue, self.outside, other, "what clients send")
            answer = udp(self.outside, self.rogue, port, source, version)
            self.passes(self.outside, self.rogue, answer, "what a real server sends")
        self.network(4096, "<dhcp-snooping enabled='false'/>")
        for version in (4, 6):
            source, port = self.offers(version)
            self.passes(
                self.rogue, self.outside, udp(self.rogue, self.outside, port, source, version)
            )

    def test_a_rogue_server_gives_no_lease_and_a_real_one_does(self) -> None:
        self.network(4096, SNOOPING)
        self.associate(self.client, ip="")
        self.associate(self.rogue)
        DhcpServer(self.rogue, "10.0.0.66", "10.0.0.66", self.lab.folder)
        heard = self.tap(self.rogue)
        self.assertEqual(lease(self.client, self.lab.folder, tries=1), "")
        self.assertTrue(heard.count(lambda f: UDP in f and f[UDP].dport == 67), "it was asked")
        DhcpServer(self.outside, LEASED, LEASED, self.lab.folder)
        self.assertEqual(lease(self.client, self.lab.folder), LEASED)
        self.assertEqual(self.client.ping(self.outside.ip4), 3)

    def test_a_lease_is_the_only_source(self) -> None:
        self.network(4096, SNOOPING)
        self.associate(self.client, ip="")
        client, outside = self.client, self.outside

        def says(source: str) -> tuple[Packet, Packet]:
            return udp(client, outside, src=source), arp(client, outside, psrc=source)

        client.addresses = list(outside.addresses)  # just to have some to write frames with
        self.drops(client, outside, says(LEASED), "no lease yet")
        DhcpServer(outside, LEASED, LEASED, self.lab.folder)
        self.assertEqual(lease(client, self.lab.folder), LEASED)
        for frame in says(LEASED):
            self.passes(client, outside, frame, "leased")
        after = client, says(LEASED)[0]
        self.drops(client, outside, says("10.0.0.101"), "not leased", after)

    def test_a_lease_outlives_the_agent_and_a_change_of_policy(self) -> None:
        self.network(4096, SNOOPING)
        self.associate(self.client, ip="")
        DhcpServer(self.outside, LEASED, LEASED, self.lab.folder)
        self.assertEqual(lease(self.client, self.lab.folder), LEASED)
        self.network(4096, SNOOPING + "<qos dscp='af21'/>")
        self.assertEqual(self.client.ping(self.outside.ip4), 3, "after a change")
        agent = self.net.agents["switch1"]
        agent.kill()
        self.assertEqual(self.client.ping(self.outside.ip4), 3, "without agent")
        agent.start()
        self.net.wait_ready()
        self.assertEqual(self.client.ping(self.outside.ip4), 3, "after a restart")

    def test_a_lease_outlives_a_repair(self) -> None:
        self.network(4096, SNOOPING)
        self.associate(self.client, ip="")
        DhcpServer(self.outside, LEASED, LEASED, self.lab.folder)
        self.assertEqual(lease(self.client, self.lab.folder), LEASED)
        chain = next(item for item in self.rules() if item.kind == "rule")
        self.space.nft("insert", "rule", "bridge", chain.table, chain.name, "counter")
        self.assertTrue(self.resync())
        self.assertEqual(self.client.ping(self.outside.ip4), 3)

    def test_a_lease_outlives_a_reboot(self) -> None:
        self.network(4096, SNOOPING)
        self.associate(self.client, ip="")
        DhcpServer(self.outside, LEASED, LEASED, self.lab.folder)
        self.assertEqual(lease(self.client, self.lab.folder), LEASED)
        agent = self.net.agents["switch1"]
        agent.stop()
        self.reboot()
        self.assertEqual(self.client.ping(self.outside.ip4), 3, "after an orderly one")
        self.reboot()
        self.assertEqual(self.client.ping(self.outside.ip4), 3, "after another that comes at once")
        self.space.nft("flush", "ruleset")
        agent.stop()  # its last look finds no leases, since nothing is there
        self.reboot()
        self.assertEqual(self.client.ping(self.outside.ip4), 3, "after a flush")
        self.remove(self.client)
        self.associate(self.client, ip="", vm="heir")  # whose MAC is the same
        self.reboot()
        self.assertEqual(self.client.ping(self.outside.ip4), 0, "inherited")
        self.assertEqual(lease(self.client, self.lab.folder), LEASED)
        self.resync()
        self.reboot()
        self.assertEqual(self.client.ping(self.outside.ip4), 3, "as of the last look")

    def lease_beside_rogue(self, ip: str = "") -> tuple[VmHost, Packet]:
        """The client has its lease. Returns what passes in any case: somebody and his frame."""
        self.network(4096, SNOOPING)
        self.associate(self.client, ip=ip)
        self.associate(self.rogue)
        DhcpServer(self.outside, LEASED, LEASED, self.lab.folder)
        self.assertEqual(lease(self.client, self.lab.folder), LEASED)
        self.client.addresses = [ip_interface(f"{LEASED}/16")]  # just to write frames with
        return self.rogue, udp(self.rogue, self.outside)

    def test_a_lease_that_the_device_lost_can_be_renewed(self) -> None:
        client, outside = self.client, self.outside
        fine = self.lease_beside_rogue()
        for server in (outside.ip4, ""):
            self.assertEqual(client.ping(outside.ip4), 3)  # both have heard of each other
            self.reboot()
            says = udp(client, outside), arp(client, outside)
            self.drops(client, outside, says, "the lease is lost", fine)
            self.assertTrue(renew(client, LEASED, server), f"with {server or 'any server'}")
            for frame in says:
                self.passes(client, outside, frame, "leased again")
            self.assertEqual(client.ping(outside.ip4), 3)

    def reboot(self) -> None:
        """The kernel forgets, and the agent has no time to look; it comes back with its store."""
        agent = self.net.agents["switch1"]
        agent.kill()
        self.space.nft("flush", "ruleset")
        agent.start()
        self.wait_listed()

    def test_who_may_renew_may_say_nothing_else_from_anothers_address(self) -> None:
        self.network(4096, SNOOPING)
        self.associate(self.client, ip="")
        self.associate(self.rogue)
        client, outside, others = self.client, self.outside, self.rogue.ip4
        client.addresses = list(outside.addresses)  # just to have some to write frames with
        renewal = udp(client, outside, 67, 68, src=others)
        self.passes(client, outside, renewal, "only servers of DHCP hear it")
        says = [
            arp(client, outside, psrc=others),
            arp(client, outside, psrc=others, op=2, hwdst=outside.mac),
            udp(client, outside, 53, 68, src=others),
            udp(client, outside, 67, 1024, src=others),
            udp(client, outside, 68, 67, src=others),
        ]
        self.drops(client, outside, says, "another's address", (client, renewal))
        registered = udp(self.rogue, outside, 67, 68, src="10.0.0.9")
        self.drops(self.rogue, outside, registered, "it has an address", (client, renewal))

    def test_a_lease_ends_when_it_is_released_and_with_its_vm(self) -> None:
        client, outside = self.client, self.outside
        fine = self.lease_beside_rogue()
        self.passes(client, outside, udp(client, outside))
        release = (
            udp(client, outside, 67, 68)
            / BOOTP(ciaddr=LEASED, chaddr=bytes.fromhex(client.mac.replace(":", "")))
            / DHCP(options=[("message-type", "release"), "end"])
        )
        self.passes(client, outside, release)
        self.drops(client, outside, (udp(client, outside), arp(client, outside)), "released", fine)

        self.assertEqual(lease(client, self.lab.folder), LEASED)
        self.passes(client, outside, udp(client, outside))
        self.remove(client)
        self.associate(client, ip="", vm="heir")  # whose MAC is the same
        self.drops(client, outside, (udp(client, outside), arp(client, outside)), "inherited", fine)

    def test_a_vm_with_addresses_leaves_no_lease_behind(self) -> None:
        client, outside = self.client, self.outside
        fine = self.lease_beside_rogue(ip="10.0.0.7")
        self.remove(client)
        self.associate(client, ip="", vm="heir")  # whose MAC is the same
        self.drops(client, outside, (udp(client, outside), arp(client, outside)), "inherited", fine)

    def test_registered_addresses_need_no_lease(self) -> None:
        self.network(4096, SNOOPING)
        self.associate(self.rogue)
        self.passes(self.rogue, self.outside, udp(self.rogue, self.outside))
        spoofed = udp(self.rogue, self.outside, src="10.0.0.9")
        self.drops(self.rogue, self.outside, spoofed)


if __name__ == "__main__":
    unittest.main()

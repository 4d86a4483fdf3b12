"""Law 10: on a guarded port only associated VMs talk, as who they are, and within their network."""

from __future__ import annotations

import unittest

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

from harness.numbering import mac
from harness.vm_host import VmHost

from .case import OUTSIDE, DatapathTest
from .packets import BROADCAST, arp, ether, icmpv6, ip, udp

GROUP_MAC = "01:00:5e:01:01:01"
STRANGER = 99  # the number of a MAC that no VM has


def everything(sender: VmHost, receiver: VmHost) -> list[Packet]:
    """Frames of many kinds, none of which may pass where nobody may talk."""
    group = Ether(src=sender.mac, dst=GROUP_MAC) / IP(src=sender.ip4, dst="239.1.1.1")
    return [
        udp(sender, receiver),
        udp(sender, receiver, version=6),
        arp(sender, receiver),
        arp(sender, receiver, op=2, psrc="10.0.0.254"),
        icmpv6(sender, receiver, 136),
        ether(sender, receiver, type=0x88B5),
        ether(sender, BROADCAST, type=0x88B5),
        group / UDP(sport=5, dport=5),
        # Where a bridge does without spanning tree it forwards these like others.
        ether(sender, "01:80:c2:00:00:00", type=0x88B5),
        ether(sender, BROADCAST) / IP(src="0.0.0.0", dst="255.255.255.255")
        / UDP(sport=68, dport=67),
    ]  # fmt: skip


class GuardTest(DatapathTest):
    """Three guarded ports, and a host outside on a port that is not guarded."""

    shared = True

    def cable(self) -> None:
        self.one = self.space.host("vm1", 1)
        self.two = self.space.host("vm2", 2)
        self.three = self.space.host("vm3", 3)
        self.outside = self.space.host("up0", OUTSIDE)

    def silent(self, sender: VmHost, receiver: VmHost, after: VmHost | None = None) -> None:
        """Nothing passes from one to the other; `after` can talk to the receiver."""
        sentinel = None if after is None else (after, udp(after, receiver))
        self.drops(sender, receiver, everything(sender, receiver), after=sentinel)


class Unknown(GuardTest):
    """Who may talk, by what is known of it."""

    def test_without_any_network_nobody_talks_from_or_to_a_guarded_port(self) -> None:
        other = self.space.host("up1", OUTSIDE + 1)
        self.silent(self.one, self.outside, after=other)
        self.silent(self.outside, self.one)
        self.passes(self.outside, other, udp(self.outside, other), "what is not ours")

    def test_an_unknown_mac_does_not_talk_beside_a_vm(self) -> None:
        self.network(4096)
        self.associate(self.one)
        self.silent(self.two, self.outside, after=self.one)
        self.silent(self.two, self.one, after=self.outside)

    def test_a_guarded_port_without_vm_gets_nothing(self) -> None:
        self.network(4096)
        self.associate(self.one)
        for sender in (self.one, self.outside):
            self.silent(sender, self.two)

    def test_a_vm_does_not_get_what_is_for_others(self) -> None:
        self.network(4096)
        self.associate(self.one)
        flooded = udp(self.outside, self.one)
        flooded[Ether].dst = mac(STRANGER)
        self.drops(
            self.outside, self.one, flooded, after=(self.outside, arp(self.outside, self.one))
        )

    def test_a_pre_associated_vm_talks_once_it_is_activated_until_it_is_removed(self) -> None:
        self.network(4096)
        self.associate(self.two)
        self.associate(self.one, state="pre-associated")
        self.silent(self.one, self.outside, after=self.two)
        self.drops(self.outside, self.one, udp(self.outside, self.one))
        self.done("server1", "activate-vm", vnid="4096", vm=self.name(self.one))
        for frame in (udp(self.one, self.outside), arp(self.one, self.outside)):
            self.passes(self.one, self.outside, frame)
        self.passes(self.outside, self.one, udp(self.outside, self.one))
        self.remove(self.one)
        self.silent(self.one, self.outside, after=self.two)
        self.drops(self.outside, self.one, udp(self.outside, self.one))

    def test_a_pre_associated_vm_stays_mute_after_a_repair_and_a_start(self) -> None:
        self.network(4096)
        self.associate(self.two)
        self.associate(self.one, state="pre-associated")
        self.space.nft("flush", "ruleset")
        self.assertTrue(self.resync())
        self.silent(self.one, self.outside, after=self.two)
        agent = self.net.agents["switch1"]
        agent.stop()
        self.space.nft("flush", "ruleset")
        agent.start()
        self.net.wait_ready()
        self.silent(self.one, self.outside, after=self.two)
        self.drops(self.outside, self.one, udp(self.outside, self.one))

    def test_names_of_ports_are_exact_unless_they_end_with_an_asterisk(self) -> None:
        exact, longer, shorter = (
            self.space.host(port, number) for port, number in (("p1", 11), ("p10", 12), ("v", 13))
        )
        self.silent(exact, self.outside, after=longer)
        for host in (longer, shorter):
            self.passes(host, self.outside, udp(host, self.outside))
            self.passes(self.outside, host, udp(self.outside, host))
        self.network(4096)
        self.associate(exact)
        self.passes(exact, self.outside, udp(exact, self.outside))

    def test_guarded_without_an_agent(self) -> None:
        self.network(4096)
        self.associate(self.one)
        self.net.agents["switch1"].stop()
        self.silent(self.two, self.outside, after=self.one)


class Spoofing(GuardTest):
    """A VM talks as itself only."""

    def setUp(self) -> None:
        super().setUp()
        self.network(4096)
        self.associate(self.one)
        self.associate(self.two)
        self.fine = self.one, udp(self.one, self.outside)

    def never(self, frame: Packet, what: str) -> None:
        with self.subTest(what):
            self.drops(self.one, self.outside, frame, what, after=self.fine)

    def always(self, frame: Packet, what: str) -> None:
        with self.subTest(what):
            self.passes(self.one, self.outside, frame, what)

    def test_mac(self) -> None:
        for number, what in (
            (2, "another VM's"),
            (STRANGER, "nobody's"),
            (OUTSIDE, "the router's"),
        ):
            frame = udp(self.one, self.outside)
            frame[Ether].src = mac(number)
            self.never(frame, f"a MAC that is {what}")
        self.assertEqual(self.two.ping(self.outside.ip4), 3, "the other VM is where it was")

    def test_addresses(self) -> None:
        one, outside = self.one, self.outside
        self.always(udp(one, outside), "its own")
        self.always(udp(one, outside, version=6), "its own")
        for source in (self.two.ip4, "10.9.9.9", outside.ip4, "0.0.0.0"):
            self.never(udp(one, outside, src=source), source)
        for source in (self.two.ip6, "fd00::9999", outside.ip6):
            self.never(udp(one, outside, version=6, src=source), source)

    def test_arp(self) -> None:
        one, outside = self.one, self.outside
        self.always(arp(one, outside), "its own")
        self.always(arp(one, outside, op=2), "its own, an answer")
        self.always(arp(one, outside, psrc="0.0.0.0"), "a probe (RFC 5227)")
        for op in (1, 2):
            self.never(arp(one, outside, op=op, psrc=self.two.ip4), "another's address")
            self.never(arp(one, outside, op=op, psrc=outside.ip4), "the router's address")
            self.never(arp(one, outside, op=op, hwsrc=self.two.mac), "another's MAC")

    def test_neighbour_advertisements(self) -> None:
        def advertises(target: str) -> Packet:
            head = IPv6(src=self.one.ip6, dst=self.outside.ip6, hlim=255)
            return ether(self.one, self.outside) / head / ICMPv6ND_NA(tgt=target)

        self.always(advertises(self.one.ip6), "its own")
        self.never(advertises(self.two.ip6), "another VM's")
        self.never(advertises(self.outside.ip6), "the router's")

    def test_what_a_host_says_before_it_has_an_address(self) -> None:
        one, outside = self.one, self.outside
        discover = (
            ether(one, BROADCAST)
            / IP(src="0.0.0.0", dst="255.255.255.255")
            / UDP(sport=68, dport=67)
            / BOOTP(chaddr=bytes.fromhex(one.mac.replace(":", "")))
            / DHCP(options=[("message-type", "discover"), "end"])
        )
        self.always(discover, "DHCP discovery")
        self.always(icmpv6(one, outside, 133, src="fe80::5054:ff:fe00:1"), "link-local")
        solicitation = ether(one, "33:33:ff:00:00:01") / IPv6(
            src="::", dst="ff02::1:ff00:1", hlim=255
        )
        self.always(solicitation / ICMPv6ND_NS(tgt=one.ip6), "duplicate address detection")

    def test_vlan_tags_are_dropped(self) -> None:
        for kind in (0x8100, 0x88A8):
            frame = udp(self.one, self.outside)
            inner = frame[IP].copy()
            tagged = ether(self.one, self.outside, type=kind) / Dot1Q(vlan=5, type=0x800) / inner
            self.never(tagged, f"{kind:#x} from the VM")
            self.never(
                ether(self.one, self.outside, type=kind) / Dot1Q(vlan=0, type=0x800) / inner,
                f"{kind:#x} priority tag from the VM",
            )
            back = udp(self.outside, self.one)
            self.drops(
                self.outside,
                self.one,
                ether(self.outside, self.one, type=kind) / Dot1Q(vlan=5, type=0x800) / back[IP],
                f"{kind:#x} to the VM",
                after=(self.outside, back),
            )

    def test_a_vm_without_registered_addresses_may_have_any(self) -> None:
        self.associate(self.three, ip="")
        for source in (self.three.ip4, "10.9.9.9"):
            frame = udp(self.three, self.outside, src=source)
            self.passes(self.three, self.outside, frame)
        self.passes(self.three, self.outside, arp(self.three, self.outside, psrc="10.9.9.9"))

    def test_several_addresses(self) -> None:
        self.associate(self.three, ip="10.0.0.3 10.0.0.33 fd00::33")
        for version, source in ((4, "10.0.0.3"), (4, "10.0.0.33"), (6, "fd00::33")):
            frame = udp(self.three, self.outside, version=version, src=source)
            self.passes(self.three, self.outside, frame)
        for version, source in ((4, "10.0.0.34"), (6, "fd00::3")):
            frame = udp(self.three, self.outside, version=version, src=source)
            self.drops(self.three, self.outside, frame)


class Places(GuardTest):
    """A VM that names a port talks there; another one wherever it is."""

    def at(self, port: str, number: int) -> VmHost:
        """A host at another port that says it is the VM with that number."""
        return self.space.host(port, number)

    def test_a_named_port_is_the_only_one(self) -> None:
        self.network(4096)
        self.associate(self.one)
        self.associate(self.two)
        elsewhere = self.at("vm4", 1)
        self.silent(elsewhere, self.outside, after=self.two)
        # And what it sent must not have taken the address from where it belongs.
        self.passes(self.outside, self.one, udp(self.outside, self.one))
        self.drops(self.outside, elsewhere, udp(self.outside, elsewhere))

    def test_a_vm_that_moves_to_another_port(self) -> None:
        self.network(4096)
        self.associate(self.one)
        elsewhere = self.at("vm4", 1)
        self.passes(self.one, self.outside, udp(self.one, self.outside))
        self.remove(self.one)
        self.associate(elsewhere)
        self.passes(elsewhere, self.outside, udp(elsewhere, self.outside))
        self.passes(self.outside, elsewhere, udp(self.outside, elsewhere))
        self.drops(self.one, self.outside, udp(self.one, self.outside))

    def test_without_a_port_it_talks_where_nobody_guards(self) -> None:
        self.network(4096)
        self.associate(self.one, port="")
        aside = self.at("side0", 1)
        self.passes(aside, self.outside, udp(aside, self.outside))
        self.passes(self.outside, aside, udp(self.outside, aside))
        self.drops(self.one, self.outside, udp(self.one, self.outside))

    def test_a_port_that_comes_after_its_vm(self) -> None:
        self.network(4096)
        fields = self.vm_fields(self.one, vm="late", mac=mac(60), ip="10.0.0.60", port="vm60")
        self.done("server1", "create-vm", **fields)
        late = self.at("vm60", 60)
        self.passes(late, self.outside, udp(late, self.outside))
        self.passes(self.outside, late, udp(self.outside, late))

    def test_a_vm_whose_port_has_gone_can_be_removed(self) -> None:
        self.network(4096)
        self.associate(self.one)
        self.space.space.ip("link delete vm1")
        self.remove(self.one)
        self.assertEqual(self.macs_in_kernel(), set())

    def test_two_vms_on_one_port(self) -> None:
        self.network(4096)
        self.associate(self.one)
        nested = self.vm_fields(self.one, vm="nested", mac=mac(50), ip="10.0.0.50")
        self.done("server1", "create-vm", **nested)
        frame = udp(self.one, self.outside, src="10.0.0.50")
        frame[Ether].src = mac(50)
        self.passes(self.one, self.outside, frame)
        mixed = udp(self.one, self.outside, src="10.0.0.50")
        self.drops(self.one, self.outside, mixed, after=(self.one, udp(self.one, self.outside)))


class Networks(GuardTest):
    """Two VNIDs on one bridge."""

    def test_two_networks_never_meet_on_one_bridge(self) -> None:
        self.network(4096)
        self.network(5000)
        self.associate(self.one, 4096)
        self.associate(self.two, 5000)
        self.associate(self.three, 4096)
        # Let the bridge learn who is where.
        for host in (self.one, self.two, self.three):
            self.passes(host, self.outside, arp(host, self.outside))
            self.passes(self.outside, host, udp(self.outside, host))
        self.silent(self.one, self.two, after=self.outside)
        self.silent(self.two, self.one, after=self.three)
        self.assertEqual(self.one.ping(self.three.ip4), 3)
        self.assertEqual(self.one.ping(self.three.ip6), 3)
        self.assertEqual(self.one.ping(self.two.ip4, 2), 0)
        self.assertEqual(self.two.ping(self.three.ip6, 2), 0)

    def test_two_networks_never_meet_at_ports_that_nobody_guards(self) -> None:
        self.network(4096)
        self.network(5000)
        one, two = self.space.host("side1", 21), self.space.host("side2", 22)
        self.associate(one, 4096, port="")
        self.associate(two, 5000, port="")
        for host in (one, two):
            self.passes(host, self.outside, udp(host, self.outside))
        self.drops(one, two, udp(one, two))
        self.drops(two, one, udp(two, one))

    def test_a_version_is_another_network(self) -> None:
        self.network("4096.1")
        self.network("4096.2")
        self.associate(self.one, "4096.1")
        self.associate(self.two, "4096.2")
        self.silent(self.one, self.two, after=self.outside)

    def test_a_vm_that_changes_its_network(self) -> None:
        self.network(4096)
        self.network(5000)
        self.associate(self.one, 4096)
        self.associate(self.two, 4096)
        self.passes(self.one, self.two, udp(self.one, self.two))
        self.remove(self.two)
        self.associate(self.two, 5000)
        self.silent(self.one, self.two, after=self.outside)


class Raws(GuardTest):
    """Frames that no host would send."""

    def test_short_and_odd_frames_pass_no_better(self) -> None:
        self.network(4096)
        self.associate(self.one)
        fine = self.one, udp(self.one, self.outside)
        head = ether(self.one, self.outside, type=0x800)
        spoofed = bytes(ip(self.one, self.outside, src="10.9.9.9"))[14:]
        for what, data in {
            "a spoofed header without what it promises": spoofed[:20],
            "cut within the addresses": spoofed[:14],
            "ARP cut before its addresses": None,
        }.items():
            frame = (
                head / Raw(data)
                if data
                else ether(self.one, BROADCAST, type=0x806)
                / Raw(bytes(ARP(hwsrc=self.one.mac, psrc="10.9.9.9"))[:12])
            )
            with self.subTest(what):
                self.drops(self.one, self.outside, frame, what, after=fine)


if __name__ == "__main__":
    unittest.main()

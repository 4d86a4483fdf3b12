"""Frames between two hosts, by a few words."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

from harness.vm_host import VmHost

BROADCAST = "ff:ff:ff:ff:ff:ff"


def ether(sender: VmHost, receiver: VmHost | str, **fields: Any) -> Packet:
    """The Ethernet header to a host or a MAC."""
    target = receiver if isinstance(receiver, str) else receiver.mac
    return Ether(**{"src": sender.mac, "dst": target, **fields})


def ip(sender: VmHost, receiver: VmHost, version: int = 4, **fields: Any) -> Packet:
    """Ethernet and IP headers; `fields` change those of IP."""
    kind = IP if version == 4 else IPv6
    ends = {"src": sender.address(version), "dst": receiver.address(version)}
    return ether(sender, receiver) / kind(**{**ends, **fields})


def udp(
    sender: VmHost, receiver: VmHost, port: int = 7, source_port: int = 4000, version: int = 4,
    **fields: Any,
) -> Packet:  # fmt: skip
    """A datagram."""
    return ip(sender, receiver, version, **fields) / UDP(sport=source_port, dport=port)


def tcp(
    sender: VmHost, receiver: VmHost, port: int, flags: str = "S", source_port: int = 4000,
    version: int = 4, **fields: Any,
) -> Packet:  # fmt: skip
    """A segment, the first of a connection unless `flags` say otherwise."""
    segment = TCP(sport=source_port, dport=port, flags=flags)
    return ip(sender, receiver, version, **fields) / segment


def icmp(sender: VmHost, receiver: VmHost, kind: int, **fields: Any) -> Packet:
    """An ICMP message of that type."""
    return ip(sender, receiver, **fields) / ICMP(type=kind)


def icmpv6(sender: VmHost, receiver: VmHost, kind: int, **fields: Any) -> Packet:
    """An ICMPv6 message of that type, with eight bytes for what the type would have.

    Written by hand, since scapy's layers for some types take what follows for options.
    """
    header = IPv6(src=sender.ip6, dst=receiver.ip6, nh=58, hlim=255)
    for key, value in fields.items():
        setattr(header, key, value)
    return ether(sender, receiver) / header / bytes([kind, 0, 0, 0, 0, 0, 0, 0])


def arp(sender: VmHost, receiver: VmHost, **fields: Any) -> Packet:
    """Who has the receiver's address? `fields` change those of ARP."""
    question = {"op": 1, "hwsrc": sender.mac, "psrc": sender.ip4, "pdst": receiver.ip4}
    return ether(sender, BROADCAST) / ARP(**{**question, **fields})

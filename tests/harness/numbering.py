"""MACs and addresses by number: what VMs and hosts of tests are called on the wire."""

from __future__ import annotations

# The number of a host at the uplink: a router or server of the operator, no VM.
OUTSIDE = 200


def mac(number: int) -> str:
    """The MAC of the VM or host with that number."""
    return "52:54:00:%02x:%02x:%02x" % (number >> 16 & 255, number >> 8 & 255, number & 255)


def addresses(number: int) -> list[str]:
    """Its IPv4 and IPv6 address with prefix lengths, in one network for all."""
    return [f"10.0.{number >> 8 & 255}.{number & 255}/16", f"fd00::{number:x}/64"]

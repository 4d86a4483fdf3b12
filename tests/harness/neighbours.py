"""Who is at a device when it has trouble: two VMs, a stranger, and the operator's own host."""

from __future__ import annotations

from typing import NamedTuple

from .lab import UPLINK, DeviceSpace
from .numbering import OUTSIDE
from .vm_host import VmHost


class Neighbours(NamedTuple):
    """Two hosts that become VMs, one at a guarded port that never does, and one at the uplink."""

    one: VmHost
    two: VmHost
    nobody: VmHost
    outside: VmHost


def neighbours(device: DeviceSpace) -> Neighbours:
    """Cable them to a device."""
    return Neighbours(
        device.host("vm1", 1),
        device.host("vm2", 2),
        device.host("vm9", 9),
        device.host(UPLINK, OUTSIDE),
    )

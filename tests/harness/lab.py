"""Devices and hosts in network namespaces: the cabling that datapath tests and demos need."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from .namespaces import Namespace
from .numbering import addresses, mac
from .vm_host import VmHost

BRIDGE = "br0"
UNDERLAY = "core0"
UPLINK = "up0"


class DeviceSpace:
    """The namespace of a device. An operator's bridge is there if wanted, ports come with hosts."""

    def __init__(self, lab: Lab, name: str, bridge: str | None = BRIDGE) -> None:
        self.lab = lab
        self.name = name
        self.bridge = bridge
        self.space = lab.enter(Namespace())
        if bridge:
            self.add_bridge(bridge)

    def add_bridge(self, name: str) -> None:
        """A bridge as an operator makes it: no spanning tree that delays, multicast is flooded."""
        self.space.ip(
            f"link add {name} type bridge forward_delay 0 mcast_snooping 0", f"link set {name} up"
        )

    def host(
        self,
        port: str,
        number: int,
        *,
        ip: Sequence[str] | None = None,
        bridge: str | None = "",
        mtu: int = 1500,
    ) -> VmHost:
        """A host at a new port, in the device's bridge; `bridge=None` leaves it in none.

        `number` makes its MAC and, unless `ip` tells others, its addresses.
        """
        given = addresses(number) if ip is None else ip
        made = VmHost(self.space, port, mac(number), given, mtu)
        self.lab.callback(made.close)
        self.lab.hosts.append(made)
        wanted = self.bridge if bridge == "" else bridge
        if wanted:
            self.space.ip(f"link set {port} master {wanted}")
        return made

    def ports(self, bridge: str) -> set[str]:
        """The interfaces in a bridge."""
        return {link["ifname"] for link in self.space.ip_json("link", "show", "master", bridge)}

    def nft(self, *words: str) -> str:
        """Run nft(8) on the device."""
        return self.space.run("nft", *words)


class Lab:
    """Some devices with their hosts, and perhaps an underlay between them. `close()` removes all.

    It also has a folder for what programs write.
    """

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tenet-lab-"))
        self.folder = Path(folder)
        self.devices: dict[str, DeviceSpace] = {}
        self.hosts: list[VmHost] = []
        self._begun: contextlib.ExitStack | None = None  # what `rewind` closes
        self._spaces: list[Namespace] = []

    def enter(self, space: Namespace) -> Namespace:
        """Close a namespace with the lab."""
        self._spaces.append(space)
        return (self._begun or self._stack).enter_context(space)

    def callback(self, function: Callable[[], object]) -> None:
        """Call a function at the end, the last one first."""
        (self._begun or self._stack).callback(function)

    def device(self, name: str = "switch1", *, bridge: str | None = BRIDGE) -> DeviceSpace:
        """One more device."""
        self.devices[name] = DeviceSpace(self, name, bridge)
        return self.devices[name]

    def underlay(self, *devices: DeviceSpace) -> Namespace:
        """One segment with the interface core0 of each device.

        The first has 192.0.2.1/24 and 2001:db8::1/64, and so on.

        Returned is the namespace of the segment, where the far end of each is `to-DEVICE`.
        """
        segment = self.enter(Namespace())
        segment.ip("link add seg0 type bridge forward_delay 0 mcast_snooping 0", "link set seg0 up")
        for number, device in enumerate(devices, 1):
            far = f"to-{device.name}"
            device.space.ip(
                f"link add {UNDERLAY} mtu 1600 type veth peer name {far} mtu 1600 "
                f"netns {segment.name}",
                f"address add 192.0.2.{number}/24 dev {UNDERLAY}",
                f"address add 2001:db8::{number:x}/64 dev {UNDERLAY} nodad",
                f"link set {UNDERLAY} up",
            )
            segment.ip(f"link set {far} master seg0", f"link set {far} up")
        return segment

    def begin(self) -> None:
        """What is made from here on goes with `rewind`."""
        self._begun = contextlib.ExitStack()
        self._first = list(self._spaces), list(self.hosts), dict(self.devices)
        for space in (*self._spaces, *(host.space for host in self.hosts)):
            space.begin()
        for host in self.hosts:
            host.begin()

    def rewind(self) -> None:
        """Return to what there was at `begin`: devices, hosts, their programs, sockets and addresses.

        Bridges and hosts forget whom they have seen since.
        """
        assert self._begun is not None
        self._begun.close()
        self._spaces, self.hosts, self.devices = (
            list(self._first[0]), list(self._first[1]), dict(self._first[2])
        )  # fmt: skip
        for space in (*self._spaces, *(host.space for host in self.hosts)):
            space.rewind()
        for host in self.hosts:
            host.rewind()
        for device in self.devices.values():
            if device.bridge:
                device.space.ip(f"link set {device.bridge} type bridge fdb_flush")

    def close(self) -> None:
        """Remove everything."""
        if self._begun is not None:
            self._begun.close()
        self._stack.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

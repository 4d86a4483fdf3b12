"""What the datapath tests share: devices in namespaces with real hosts, and words for packets."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

from scapy.packet import Packet, Raw

from harness.commands import CommandError, ConsoleTimeout, Result
from harness.frames import FrameSocket, Test
from harness.lab import UNDERLAY, DeviceSpace, Lab
from harness.namespaces import CommandFailed
from harness.nftables import Item, read_nftables
from harness.numbering import OUTSIDE  # noqa: F401: a word of the tests
from harness.streams import Stream
from harness.topology import NotAsBefore
from harness.vm_host import VmHost
from system.case import SystemTest, policy

GUARDED = ["vm*", "p1"]
PERMIT = "<acl default='permit'/>"


def carries(token: bytes) -> Test:
    """Whether a frame has these bytes in it."""
    return lambda frame: token in bytes(frame.original)


class DatapathTest(SystemTest):
    """Each device agent works in a namespace of its own, with the operator's bridge br0.

    `datapath` is laid over the table of that name in each device's configuration.
    """

    datapath: dict[str, Any] = {}
    bridge: str | None = "br0"
    underlay = False

    def setUp(self) -> None:
        self._taps: dict[VmHost, FrameSocket] = {}
        self._tokens = itertools.count(1)
        self._revisions: dict[str, int] = {}
        self._created: set[str] = set()
        super().setUp()

    def _make_world(self) -> None:
        self.lab = Lab()
        self._closing.append(self.lab.close)
        names = [f"switch{number}" for number in range(1, self.devices + 1)]
        self.spaces = [self.lab.device(name, bridge=self.bridge) for name in names]
        self.space = self.spaces[0]
        if self.underlay:
            self.segment = self.lab.underlay(*self.spaces)
        self.cable()
        self.options = {"overrides": {s.name: {"datapath": self._config(s)} for s in self.spaces}}
        super()._make_world()
        if self.shared:
            self.lab.begin()
            self._first = self.kernels()

    def _begin_again(self) -> None:
        try:
            self.lab.rewind()
        except CommandFailed as problem:
            raise NotAsBefore(problem) from None
        super()._begin_again()
        if self.kernels() != self._first:
            raise NotAsBefore("the kernel has not what it had")

    def kernels(self) -> list[Any]:
        """What each device's kernel has."""
        return [self.kernel(space) for space in self.spaces]

    def cable(self) -> None:
        """Make the hosts that are there before the agents start."""

    def _config(self, space: DeviceSpace) -> dict[str, Any]:
        config: dict[str, Any] = {
            "driver": "linux",
            "record-file": None,
            "network-namespace": space.space.name,
            "guarded-ports": GUARDED,
        }
        if self.underlay:
            config["underlay"] = UNDERLAY
        return {**config, **self.datapath}

    # -- what operators do ---------------------------------------------------------------------

    def network(self, vnid: int | str, entries: str = PERMIT) -> Result:
        """Create a network, or change its policy; it must be enforced on every device."""
        document = self.document(vnid, entries)
        node = "change-policy" if str(vnid) in self._created else "create-network"
        self._created.add(str(vnid))
        return self.done("server1", node, policy=document)

    def document(self, vnid: int | str, entries: str) -> str:
        """The policy of the next revision."""
        self._revisions[str(vnid)] = self._revisions.get(str(vnid), 0) + 1
        return policy(vnid, self._revisions[str(vnid)], entries)

    def associate(self, host: VmHost, vnid: int | str = 4096, **changes: str) -> Result:
        """Create the host as a VM, with its port and addresses, unless `changes` say otherwise."""
        return self.done("server1", "create-vm", **self.vm_fields(host, vnid, **changes))

    def vm_fields(self, host: VmHost, vnid: int | str = 4096, **changes: str) -> dict[str, str]:
        """The fields of create-vm for a host; an empty change leaves the field out."""
        fields = {
            "vnid": str(vnid),
            "vm": self.name(host),
            "mac": host.mac,
            "ip": " ".join(str(address.ip) for address in host.addresses),
            "port": host.port,
            **changes,
        }
        return {key: value for key, value in fields.items() if value}

    def is_listed(self, device: str = "switch1") -> bool:
        """Whether the device is online and answers."""
        try:
            self.rows(device, "list-policies")
        except (CommandError, ConsoleTimeout):
            return False
        return True

    def wait_listed(self, device: str = "switch1") -> None:
        """Wait until the device is back."""
        self.wait_until(lambda: self.is_listed(device), f"{device} did not come back")

    def remove(self, host: VmHost, vnid: int | str = 4096) -> Result:
        """Remove the VM again."""
        return self.done("server1", "remove-vm", vnid=str(vnid), vm=self.name(host))

    def name(self, host: VmHost) -> str:
        """The VM's name."""
        return "vm-" + host.mac.replace(":", "")[-6:]

    # -- packets -------------------------------------------------------------------------------

    def tap(self, host: VmHost) -> FrameSocket:
        """The host's frames since the first call."""
        if host not in self._taps:
            self._taps[host] = host.frames()
        return self._taps[host]

    def _marked(self, frame: Packet) -> tuple[bytes, bytes]:
        """A frame with a mark in its data by which it is known wherever it arrives."""
        token = b"tenet-probe-%08d" % next(self._tokens)
        return bytes(frame / Raw(token)), token

    def passes(self, sender: VmHost, receiver: VmHost, frame: Packet, what: str = "") -> Packet:
        """The frame must arrive; returned as it does."""
        tap = self.tap(receiver)
        data, token = self._marked(frame)
        self.tap(sender).send(data)
        return tap.wait_for(carries(token), what or frame.summary())

    def drops(
        self,
        sender: VmHost,
        receiver: VmHost,
        frames: Packet | Sequence[Packet],
        what: str = "",
        after: tuple[VmHost, Packet] | None = None,
    ) -> None:
        """None of the frames may arrive, each sent three times.

        `after`: a host and its frame to the receiver that surely passes. Its arrival shows that the
        receiver can hear, and ends the wait; else the wait is short.
        """
        several = [frames] if isinstance(frames, Packet) else frames
        tap = self.tap(receiver)
        marked = {}
        for frame in several:
            data, token = self._marked(frame)
            marked[token] = frame.summary()
            self.tap(sender).send([data] * 3)
        if after is not None:
            self.passes(after[0], receiver, after[1], "what shall pass after it")
        else:
            tap.arrives(lambda seen: any(token in seen.original for token in marked))
        seen = [bytes(frame.original) for frame in tap.seen()]
        passed = [
            summary
            for token, summary in marked.items()
            if any(token in original for original in seen)
        ]
        self.assertEqual(passed, [], f"passes but must not: {what}")

    def stream(self, sender: VmHost, receiver: VmHost, **options: Any) -> Stream:
        """A stream of numbered datagrams that ends with the test at the latest."""
        sender.knows(receiver)
        receiver.knows(sender)
        made = Stream(sender, receiver, **options)
        self.addCleanup(made.__exit__)
        return made

    # -- the kernel ----------------------------------------------------------------------------

    def rules(self, space: DeviceSpace | None = None) -> list[Item]:
        """The device's nftables, without what packets put into them."""
        return read_nftables((space or self.space).space)

    def tables(self) -> set[tuple[int, str]]:
        """Family and name of the device's tables."""
        return {(item.family, item.table) for item in self.rules() if item.kind == "table"}

    def macs_in_kernel(self, space: DeviceSpace | None = None) -> set[str]:
        """The MACs of VMs that are in the device's sets and maps."""
        found = set()
        for item in self.rules(space):
            if item.kind == "element":
                found.update(re.findall(rb"\x52\x54\x00...", item.content, re.DOTALL))
        return {mac.hex(":") for mac in found}

    def kernel(self, space: DeviceSpace | None = None) -> tuple[list[Item], set[str], set[str]]:
        """Rules, interfaces, and ports of the operator's bridge: what a refusal must not touch."""
        device = space or self.space
        in_bridge = device.ports(device.bridge) if device.bridge else set()
        return self.rules(device), device.space.links(), in_bridge

    def resync(self, device: str = "switch1") -> list[dict[str, str]]:
        """Let the device compare kernel and store; returns what it repaired."""
        result = self.run_command(device, "resync")
        self.assertEqual(result.status, "completed", result.notes)
        self.assertEqual(result.errors, [])
        return result.rows

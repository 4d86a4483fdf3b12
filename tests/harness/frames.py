"""Ethernet frames: what is sent as it is, and what arrives at an interface as it is."""

from __future__ import annotations

import ctypes
import fcntl
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable

from scapy.layers.l2 import Ether
from scapy.packet import Packet

from .namespaces import Namespace
from .waiting import Timeout

Test = Callable[[Packet], bool]

_ETH_P_ALL = 3
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_AUXDATA = 8
_PACKET_MR_PROMISC = 1
_PACKET_OUTGOING = 4
_SO_RCVBUFFORCE = 33
_VLAN_VALID = 1 << 4
_AUXDATA = struct.Struct("IIIHHHH")
_ROOM = 64 << 20

_SIOCETHTOOL = 0x8946
_ETHTOOL_STXCSUM = 0x17


class FrameSocket:
    """Sends and takes whole frames at one interface, promiscuously; tags stay in the frames.

    The kernel keeps what arrives from the moment this is made, so there is no race between making
    one and sending what it shall see.
    """

    def __init__(self, space: Namespace, interface: str) -> None:
        self._socket = space.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        self._socket.bind((interface, 0))
        index = space.call(lambda: socket.if_nametoindex(interface))
        promiscuous = struct.pack("IHH8s", index, _PACKET_MR_PROMISC, 0, b"")
        self._socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, promiscuous)
        self._interface = interface
        self._seen: list[Packet] = []
        # Between the first socket() and bind() it took frames of every interface.
        self.clear()

    def send(self, frames: Packet | bytes | Iterable[Packet | bytes]) -> None:
        """Send one frame, or several."""
        several = [frames] if isinstance(frames, (Packet, bytes)) else frames
        for frame in several:
            self._socket.send(bytes(frame))

    def seen(self) -> list[Packet]:
        """All that has arrived since the start, or since `clear`; not what was sent from here."""
        while True:
            try:
                data, messages, _, address = self._socket.recvmsg(65600, 256)
            except BlockingIOError:
                return self._seen
            if address[0] == self._interface and address[2] != _PACKET_OUTGOING:
                self._seen.append(Ether(_with_tag(data, messages)))

    def clear(self) -> None:
        """Forget what has arrived."""
        self.seen()
        self._seen = []

    def count(self, test: Test) -> int:
        """How many of the frames that have arrived pass the test."""
        return sum(1 for frame in self.seen() if test(frame))

    def wait_for(self, test: Test, what: str, timeout: float = 5.0) -> Packet:
        """Wait until a frame that passes the test is among those that have arrived."""
        found = self._first(test, timeout)
        if found is None:
            seen = "\n".join(frame.summary() for frame in self._seen[-20:])
            raise Timeout(f"after {timeout:g} s: {what} did not arrive. The last were:\n{seen}")
        return found

    def arrives(self, test: Test, timeout: float = 0.3) -> bool:
        """Whether such a frame is there, or comes in this short time.

        For what must not come, and nothing surely comes after it. On veth and bridges a frame has
        arrived when its `send` returns, unless the machine is very busy.
        """
        return self._first(test, timeout) is not None

    def _first(self, test: Test, timeout: float) -> Packet | None:
        deadline = time.monotonic() + timeout
        checked = 0
        while True:
            frames = self.seen()
            for frame in frames[checked:]:
                if test(frame):
                    return frame
            checked = len(frames)
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            select.select([self._socket], [], [], left)

    def close(self) -> None:
        """Stop taking frames."""
        self._socket.close()


def _with_tag(data: bytes, messages: list[tuple[int, int, bytes]]) -> bytes:
    """The frame with its VLAN tag, which the kernel hands over beside it."""
    for level, kind, value in messages:
        if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
            status, _, _, _, _, tag, protocol = _AUXDATA.unpack(value[: _AUXDATA.size])
            if status & _VLAN_VALID:
                return data[:12] + struct.pack("!HH", protocol or 0x8100, tag) + data[12:]
    return data


def whole_checksums(space: Namespace, interface: str) -> None:
    """Let the kernel finish checksums (and so segments too) before a frame leaves.

    Else they are left to hardware that a veth does not have, and what a sniffer sees, or a program
    with a raw socket, is not what a wire would carry.
    """
    wanted = ctypes.create_string_buffer(struct.pack("II", _ETHTOOL_STXCSUM, 0))
    request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(wanted))
    with space.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as control:
        fcntl.ioctl(control, _SIOCETHTOOL, request)

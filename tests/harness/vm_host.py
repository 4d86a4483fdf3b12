"""A host at a port of a device: a namespace that plays a VM, a router, or a sensor."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import re
import select
import socket
import struct
from collections.abc import Iterable, Sequence

from .frames import FrameSocket, whole_checksums
from .namespaces import Namespace

INTERFACE = "eth0"
_IN6_JOIN = 20
_SO_RCVBUFFORCE = 33
_ROOM = 32 << 20


class VmHost:
    """One host: a namespace with `eth0`, whose other end is the port `port` of the device.

    It talks over the kernel (`ping`, `tcp`, `udp`, `join`) and in whole frames (`frames()`).
    `addresses` are written with their prefix length: `10.0.0.1/24`.
    """

    def __init__(
        self, device: Namespace, port: str, mac: str, addresses: Sequence[str] = (), mtu: int = 1500
    ) -> None:
        self.port = port
        self.mac = mac
        self.addresses = [ipaddress.ip_interface(text) for text in addresses]
        self.space = Namespace()
        try:
            device.ip(
                f"link add {port} mtu {mtu} type veth peer name {INTERFACE} mtu {mtu} "
                f"address {mac} netns {self.space.name}"
            )
            whole_checksums(self.space, INTERFACE)
            # A neighbour that does not answer is asked again soon, not after a second.
            self.space.sysctl(f"ipv4/neigh/{INTERFACE}/retrans_time_ms", "100")
            self.space.sysctl(f"ipv6/neigh/{INTERFACE}/retrans_time_ms", "100")
            self.space.ip(
                f"link set {INTERFACE} up",
                *(f"address add {address} dev {INTERFACE} nodad" for address in self.addresses),
            )
            device.ip(f"link set {port} up")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove the namespace, and with it the device's port."""
        self.space.close()

    def begin(self) -> None:
        """What `rewind` returns to."""
        show = ("neighbour", "show", "dev", INTERFACE, "nud", "permanent")
        fixed = [entry for entry in self.space.ip_json(*show) if "lladdr" in entry]
        self._first = list(self.addresses), [(entry["dst"], entry["lladdr"]) for entry in fixed]

    def rewind(self) -> None:
        """Forget neighbours and addresses that came after `begin`."""
        addresses, fixed = self._first
        self.addresses = list(addresses)
        self.space.ip(
            f"neighbour flush dev {INTERFACE} nud all",
            *(f"neighbour replace {dst} lladdr {mac} dev {INTERFACE}" for dst, mac in fixed),
        )

    # -- who it is -----------------------------------------------------------------------------

    def address(self, version: int = 4) -> str:
        """Its first address of IPv4 or IPv6."""
        for interface in self.addresses:
            if interface.version == version:
                return str(interface.ip)
        raise LookupError(f"{self.port} has no IPv{version} address")

    @property
    def ip4(self) -> str:
        """Its first IPv4 address."""
        return self.address(4)

    @property
    def ip6(self) -> str:
        """Its first IPv6 address."""
        return self.address(6)

    def knows(self, *others: VmHost) -> None:
        """Fixed neighbour entries, so that neither ARP nor neighbour discovery is needed."""
        self.space.ip(
            *(
                f"neighbour replace {interface.ip} lladdr {other.mac} dev {INTERFACE}"
                for other in others
                for interface in other.addresses
            )
        )

    def forget_neighbours(self) -> None:
        """Drop all neighbour entries, so that the next packet asks for its neighbour."""
        self.space.ip(f"neighbour flush all dev {INTERFACE}")

    # -- ping ----------------------------------------------------------------------------------

    def ping(self, destination: str, count: int = 3, wait: float = 0.4) -> int:
        """How many of some pings, 20 ms apart, are answered; `wait`: seconds after the last."""
        output = self.space.run(
            *("ping", "-n", "-q", "-c", str(count), "-i", "0.02", "-W", str(wait)), destination,
            expect=None,
        )  # fmt: skip
        found = re.search(r"(\d+) received", output)
        return int(found[1]) if found else 0

    # -- TCP -----------------------------------------------------------------------------------

    def listen(self, port: int, version: int = 4) -> None:
        """Take TCP connections on a port until the end: the kernel does, with nobody behind it."""
        listener = self.space.socket(_family(version), socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address(version), port))
        listener.listen(1024)

    def tcp(self, destination: str, port: int, source_port: int = 0, timeout: float = 0.4) -> bool:
        """Whether a TCP connection comes about in this time."""
        version = ipaddress.ip_address(destination).version
        family = _family(version)
        with self.space.call(lambda: socket.socket(family, socket.SOCK_STREAM)) as caller:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # No lingering: a reset frees the ports at once for the next try.
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            caller.bind((self.address(version), source_port))
            caller.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                caller.connect((destination, port))
            _, writable, _ = select.select([], [caller], [], timeout)
            if not writable:
                return False
            return caller.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0

    # -- UDP -----------------------------------------------------------------------------------

    def udp_socket(self, port: int = 0, version: int = 4, group: str = "") -> socket.socket:
        """A UDP socket on its address and a port; with `group` it joins that, and takes just it."""
        made = self.space.socket(_family(version), socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)
        made.setblocking(False)
        made.bind((group or self.address(version), port))
        if group:
            self._join(made, group)
        return made

    def _join(self, joiner: socket.socket, group: str) -> None:
        address = ipaddress.ip_address(group)
        index = self.space.call(lambda: socket.if_nametoindex(INTERFACE))
        if address.version == 4:
            request = struct.pack("4s4si", address.packed, bytes(4), index)
            joiner.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        else:
            request = struct.pack("16si", address.packed, index)
            joiner.setsockopt(socket.IPPROTO_IPV6, _IN6_JOIN, request)

    def send_udp(
        self, destination: str, port: int, payloads: Iterable[bytes], source_port: int = 0
    ) -> None:
        """Send datagrams, also to a group; what the device drops or the kernel refuses is lost."""
        address = ipaddress.ip_address(destination)
        family = _family(address.version)
        with self.space.call(lambda: socket.socket(family, socket.SOCK_DGRAM)) as sender:
            sender.bind((self.address(address.version), source_port))
            if address.is_multicast:
                index = self.space.call(lambda: socket.if_nametoindex(INTERFACE))
                if address.version == 4:
                    request = struct.pack("4s4si", bytes(4), bytes(4), index)
                    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)
                else:
                    sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            for payload in payloads:
                try:
                    sender.sendto(payload, (destination, port))
                except OSError as problem:
                    # What came back for an earlier datagram is reported with a later one.
                    if problem.errno not in (errno.ECONNREFUSED, errno.EHOSTUNREACH):
                        raise

    # -- frames --------------------------------------------------------------------------------

    def frames(self) -> FrameSocket:
        """Whole frames, from now on, until the end of the host."""
        return FrameSocket(self.space, INTERFACE)


def received(listener: socket.socket) -> list[bytes]:
    """All datagrams that have arrived at a UDP socket and were not taken before."""
    found = []
    while True:
        try:
            found.append(listener.recv(65536))
        except (BlockingIOError, ConnectionRefusedError):
            return found


def _family(version: int) -> socket.AddressFamily:
    return socket.AF_INET if version == 4 else socket.AF_INET6

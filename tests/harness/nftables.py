"""What the kernel has of nftables, read over netlink as it is.

nft(8) prints rules as it would have written them itself, and of some that others wrote it makes
nothing: Debian 12's aborts where the result of one map is the key of another. Here nothing is
understood; it is enough to tell whether two states are equal, and which bytes are in a set.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .namespaces import Namespace

_NETLINK_NETFILTER = 12
_SUBSYSTEM = 10  # NFNL_SUBSYS_NFTABLES
_GET_TABLE, _GET_CHAIN, _GET_RULE, _GET_SET, _GET_ELEMENTS = 1, 4, 7, 10, 13
_REQUEST_DUMP = 0x301
_INTERRUPTED = 0x10
_ERROR, _DONE = 2, 3
_TYPE_MASK = 0x3FFF  # without the flags "nested" and "in network byte order"
_MAP = 0x08  # NFT_SET_MAP
_DYNAMIC = 0x20  # NFT_SET_EVAL: packets put elements into it

_HEADER = struct.Struct("=IHHII")
_MESSAGE = struct.Struct("=BBH")
_ATTRIBUTE = struct.Struct("=HH")

Attributes = dict[int, bytes]


@dataclass(frozen=True, order=True)
class Item:
    """A table, chain, rule, set, map or element."""

    kind: str
    family: int
    table: str
    #: The name of the chain, set or map.
    name: str = ""
    #: A rule's place in its chain.
    number: int = 0
    content: bytes = b""


def read_nftables(space: Namespace) -> list[Item]:
    """Everything but handles, counters, and what packets put into sets; sorted."""
    with space.call(
        lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    ) as netlink:
        netlink.settimeout(10)
        return sorted(_items(netlink))


def _items(netlink: socket.socket) -> Iterator[Item]:
    for family, found in _dump(netlink, _GET_TABLE):
        yield Item("table", family, _text(found[1]), content=found.get(2, b""))
    for family, found in _dump(netlink, _GET_CHAIN):
        hook = b"".join(found.get(key, b"") for key in (4, 5, 7))
        yield Item("chain", family, _text(found[1]), _text(found[3]), content=hook)
    numbers: dict[tuple[int, bytes, bytes], int] = {}
    for family, found in _dump(netlink, _GET_RULE):
        chain = family, found[1], found[2]
        numbers[chain] = numbers.get(chain, 0) + 1
        place = _text(found[1]), _text(found[2]), numbers[chain]
        yield Item("rule", family, *place, found.get(4, b"") + found.get(7, b""))
    for family, found in _dump(netlink, _GET_SET):
        table, name = _text(found[1]), _text(found[2])
        flags = int.from_bytes(found.get(3, b""), "big")
        types = b"".join(found.get(key, b"") for key in (3, 4, 5, 6, 7, 11))
        yield Item("map" if flags & _MAP else "set", family, table, name, content=types)
        if flags & _DYNAMIC:
            continue
        wanted = _attribute(1, found[1]) + _attribute(2, found[2])
        for _, part in _dump(netlink, _GET_ELEMENTS, family, wanted):
            for _, element in _attributes(part.get(3, b"")):
                fields = dict(_attributes(element))
                content = fields.get(1, b"") + fields.get(2, b"")
                yield Item("element", family, table, name, content=content)


def _dump(
    netlink: socket.socket, message: int, family: int = 0, wanted: bytes = b""
) -> list[tuple[int, Attributes]]:
    """All objects of a kind, family and attributes; asked for again if they changed meanwhile."""
    while True:
        body = _MESSAGE.pack(family, 0, 0) + wanted
        kind = _SUBSYSTEM << 8 | message
        netlink.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST_DUMP, 1, 0) + body)
        found, is_whole = _answer(netlink)
        if is_whole:
            return found


def _answer(netlink: socket.socket) -> tuple[list[tuple[int, Attributes]], bool]:
    found: list[tuple[int, Attributes]] = []
    is_whole = True
    while True:
        data = netlink.recv(1 << 20)
        offset = 0
        while offset < len(data):
            length, kind, flags, _, _ = _HEADER.unpack_from(data, offset)
            body = data[offset + _HEADER.size : offset + length]
            offset += length + 3 & ~3
            is_whole = is_whole and not flags & _INTERRUPTED
            if kind == _DONE:
                return found, is_whole
            if kind == _ERROR:
                code = -struct.unpack_from("=i", body)[0]
                raise OSError(code, "the kernel does not tell its nftables")
            found.append((body[0], dict(_attributes(body[_MESSAGE.size :]))))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        yield kind & _TYPE_MASK, data[offset + _ATTRIBUTE.size : offset + length]
        offset += length + 3 & ~3


def _attribute(kind: int, value: bytes) -> bytes:
    padding = bytes(-len(value) % 4)
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + padding


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode()

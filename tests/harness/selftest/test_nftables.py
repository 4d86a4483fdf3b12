"""What is read of nftables, against rules that nft(8) wrote."""

from __future__ import annotations

import unittest

from ..namespaces import Namespace
from ..nftables import Item, read_nftables

_RULES = """table bridge t {
 set macs { type ether_addr; elements = { 52:54:00:00:00:01 }; }
 map ways { type ether_addr : verdict; elements = { 52:54:00:00:00:02 : jump way }; }
 set seen { type ether_addr; flags dynamic; size 16; elements = { 52:54:00:00:00:03 }; }
 chain way { accept; }
 chain base { type filter hook forward priority 0; ether saddr @macs drop; ether daddr vmap @ways; }
}
"""


class Nftables(unittest.TestCase):
    def setUp(self) -> None:
        self.space = Namespace()
        self.addCleanup(self.space.close)

    def nft(self, *words: str) -> list[Item]:
        self.space.run("nft", *words)
        return read_nftables(self.space)

    def test_everything_is_there_but_what_packets_make(self) -> None:
        self.assertEqual(read_nftables(self.space), [])
        found = self.nft(_RULES)
        kinds = [(item.kind, item.name) for item in found]
        self.assertEqual(
            kinds,
            [("chain", "base"), ("chain", "way"), ("element", "macs"), ("element", "ways")]
            + [("map", "ways"), ("rule", "base"), ("rule", "base"), ("rule", "way")]
            + [("set", "macs"), ("set", "seen"), ("table", "")],
        )
        self.assertIn(bytes.fromhex("525400000001"), found[2].content)
        self.assertEqual({item.family for item in found}, {7})

    def test_equal_states_are_equal_whatever_their_history(self) -> None:
        before = self.nft(_RULES)
        self.nft("flush", "ruleset")
        self.assertEqual(self.nft(_RULES), before)
        self.assertEqual(self.nft("add element bridge t seen { 52:54:00:00:00:04 }"), before)

    def test_each_change_is_seen(self) -> None:
        before = self.nft(_RULES)
        for change in (
            "add element bridge t macs { 52:54:00:00:00:05 }",
            "insert rule bridge t base accept",
            "add rule bridge t base accept",
            "add chain bridge t more",
            "add table inet t",
        ):
            now = self.nft(change)
            self.assertNotEqual(now, before, change)
            before = now

    def test_a_thousand_elements(self) -> None:
        self.nft(_RULES)
        elements = ", ".join(f"02:00:00:00:{n >> 8:02x}:{n & 255:02x}" for n in range(1000))
        found = self.nft(f"add element bridge t macs {{ {elements} }}")
        self.assertEqual(sum(item.name == "macs" for item in found), 1002)

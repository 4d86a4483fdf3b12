"""What the Linux datapath cannot do it refuses, and nothing of it stays behind (law 2)."""

from __future__ import annotations

import subprocess
import unittest
from typing import Any

from .case import OUTSIDE, PERMIT, DatapathTest
from .packets import udp

SEGMENT = "<virtual-network multicast='239.1.16.0'/>"


class Refusals(DatapathTest):
    shared = True
    underlay = True

    def cable(self) -> None:
        self.one = self.space.host("vm1", 1)
        self.two = self.space.host("vm2", 2)
        self.loose = self.space.host("vm3", 3, bridge=None)
        self.outside = self.space.host("up0", OUTSIDE)

    def state(self) -> list[Any]:
        return [
            self.kernel(),
            self.rows("server1", "list-networks"),
            self.rows("server1", "list-vms"),
            self.rows("switch1", "list-policies"),
            self.rows("switch1", "list-vms"),
        ]

    def refuse(self, code: str, culprit: str, node: str, **fields: str) -> None:
        before = self.state()
        (row,) = self.refused_by_device("server1", node, **fields)
        self.assertTrue(row["detail"].startswith(f"{code}:"), row["detail"])
        self.assertIn(culprit, row["detail"])
        self.assertEqual(self.state(), before, "a refusal leaves no trace")
        self.assertEqual(self.resync(), [], "nothing was to be repaired")

    def refuse_policy(self, code: str, culprit: str, entries: str) -> None:
        with self.subTest(entries):
            self.refuse(code, culprit, "create-network", policy=self.document(4096, entries))

    def refuse_vm(self, code: str, culprit: str, **fields: str) -> None:
        with self.subTest(culprit, **fields):
            self.refuse(code, culprit, "create-vm", **fields)

    def test_a_port_that_is_not_guarded(self) -> None:
        self.network(4096)
        for port in ("up0", "core0", "br0", "eth7"):
            self.refuse_vm("unsupported", port, **self.vm_fields(self.one, port=port))

    def test_a_port_of_another_network(self) -> None:
        self.network(4096)
        self.network(5000)
        self.associate(self.one, 4096)
        fields = self.vm_fields(self.two, 5000, port="vm1")
        self.refuse_vm("vm-conflict", "vm1", **fields)
        self.passes(self.one, self.outside, udp(self.one, self.outside), "the first one stays")
        self.remove(self.one, 4096)
        self.done("server1", "create-vm", **fields)

    def test_snooping_of_groups_without_a_segment(self) -> None:
        self.refuse_policy("unsupported", "igmp-snooping", "<igmp-snooping enabled='true'/>")

    def test_a_sensor_that_is_not_there(self) -> None:
        self.refuse_policy("unsupported", "ids9", "<intrusion-detection sensor='ids9'/>")

    def test_rates_that_the_kernel_cannot_express(self) -> None:
        for rate in ("1bit", "200Gbit", "1000000Tbit"):
            for direction in ("from-vm", "to-vm"):
                self.refuse_policy("unsupported", rate, f"<bandwidth {direction}='{rate}'/>")
        self.network(4096, "<bandwidth from-vm='100Gbit' to-vm='64kbit'/>")

    def test_a_port_in_a_bridge_of_others(self) -> None:
        self.network(4096, SEGMENT)
        self.refuse_vm("unsupported", "vm1", **self.vm_fields(self.one))
        self.assertIn("vm1", self.space.ports("br0"))
        self.associate(self.loose)
        self.assertEqual(self.space.ports("tb-4096"), {"tx-4096", "vm3"})

    def test_a_segment_for_a_vm_whose_port_is_in_a_bridge_of_others(self) -> None:
        self.network(4096)
        self.associate(self.one)
        document = self.document(4096, SEGMENT)
        self.refuse("unsupported", "vm1", "change-policy", policy=document)
        self.passes(self.one, self.outside, udp(self.one, self.outside), "the old policy stays")

    def test_a_name_that_others_took(self) -> None:
        self.space.add_bridge("tb-4096")
        self.refuse_policy("unsupported", "tb-4096", SEGMENT)
        self.assertIn("tb-4096", self.space.space.links())

    def test_a_refused_change_leaves_the_old_policy_in_force(self) -> None:
        deny = "<acl default='deny'><rule id='1' action='permit' direction='from-vm'/></acl>"
        self.network(4096, deny)
        self.associate(self.one)
        self.refuse(
            "unsupported", "ids9", "change-policy",
            policy=self.document(4096, "<intrusion-detection sensor='ids9'/>" + PERMIT),
        )  # fmt: skip
        self.passes(self.one, self.outside, udp(self.one, self.outside))
        self.drops(self.outside, self.one, udp(self.outside, self.one))

    def test_all_that_was_made_is_gone_at_the_end(self) -> None:
        before = self.kernel()
        everything = (
            SEGMENT + "<bandwidth from-vm='50Mbit' to-vm='50Mbit'/><qos dscp='ef' class='3'/>"
            "<dhcp-snooping enabled='true'/><igmp-snooping enabled='true'/>"
            "<acl default='deny'><rule id='1' action='permit' direction='from-vm'/></acl>"
        )
        self.network(4096, everything)
        self.associate(self.loose)
        self.network(5000)
        self.associate(self.one, 5000)
        self.associate(self.two, 5000, port="")
        for host, vnid in ((self.loose, 4096), (self.one, 5000), (self.two, 5000)):
            self.remove(host, vnid)
        for network in ("4096", "5000"):
            self.done("server1", "delete-network", vnid=network)
        self.assertEqual(self.kernel(), before)


class Devices(DatapathTest):
    """What a device cannot do as it is configured."""

    shared = True

    def test_a_segment_without_underlay(self) -> None:
        before = self.kernel()
        document = self.document(4096, SEGMENT)
        (row,) = self.refused_by_device("server1", "create-network", policy=document)
        self.assertTrue(row["detail"].startswith("unsupported:"), row["detail"])
        self.assertEqual(self.kernel(), before)

    def test_a_namespace_that_is_not_there_ends_the_agent_with_a_reason(self) -> None:
        agent = self.net.agents["switch1"]
        agent.stop()
        text = agent.config_file.read_text(encoding="utf-8")
        space = self.space.space.name
        file = agent.folder / "wrong.toml"
        file.write_text(text.replace(f'"{space}"', '"tn-not-there"'), encoding="utf-8")
        ended = subprocess.run(
            [agent.command[0], "--config", file], capture_output=True, text=True, timeout=20
        )
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertIn("tn-not-there", ended.stderr)


if __name__ == "__main__":
    unittest.main()

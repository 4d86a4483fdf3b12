"""Law 4: the policy is sent once per device, and each VM then costs one small association."""

from __future__ import annotations

import unittest
from concurrent.futures import ThreadPoolExecutor

from .case import SystemTest, mac, policy

VMS = 1000
RULES = "".join(
    f"<rule id='{i}' action='permit' direction='to-vm' protocol='tcp' "
    f"source='10.{i}.0.0/16' destination-port='{1000 + i}'/>"
    for i in range(1, 51)
)


class ThousandVms(SystemTest):
    devices = 2

    def test_policy_of_50_rules_crosses_once_per_device(self) -> None:
        document = policy(4096, 1, f"<acl default='deny'>{RULES}</acl>")
        self.done("server1", "create-network", policy=document)
        mark = self.net.wire.mark()
        consoles = [self.net.console() for _ in range(8)]

        def create(worker: int) -> None:
            for number in range(worker, VMS, len(consoles)):
                result = consoles[worker].execute(
                    self.net.jid("server1"),
                    "create-vm",
                    vnid="4096",
                    vm=f"vm-{number:04}",
                    mac=mac(number + 1),
                    ip=f"10.0.{number // 250}.{number % 250 + 1}",
                    _timeout=60,
                )
                self.assertEqual(result.status, "completed", result.notes)
                self.assertEqual([r["state"] for r in result.rows], ["enforced"] * 2)

        with ThreadPoolExecutor(len(consoles)) as pool:
            list(pool.map(create, range(len(consoles))))

        for device in ("switch1", "switch2"):
            operations = self.sent(to=device)
            self.assertEqual(operations.count("policy-sync"), 1)
            self.assertEqual(operations.count("associate"), VMS)
            self.assertEqual(len(operations), VMS + 1)
            self.assertEqual(len(self.vms(device)), VMS)
        self.assertEqual(self.vms("switch1"), self.vms("switch2"))

        # Listings of this size come in pages; tenetctl asks for all of them.
        listed = self.tenetctl("device", "vms", "switch1")
        self.assertEqual(len(listed["rows"]), VMS)
        one = self.tenetctl("exec", self.net.jid("switch1"), "list-vms", "first=999")
        self.assertEqual([r["vm"] for r in one["rows"]], ["vm-0998", "vm-0999"])

        ours = self.net.wire.messages(mark)
        per_vm = sum(m.stanza.size for m in ours) / 2 / VMS
        with_policy = per_vm + len(document)
        print(
            f"\nbytes on the wire per VM and device, answers included: {per_vm:.0f}; "
            f"with a copy of the policy for each VM: {with_policy:.0f}; "
            f"ratio {per_vm / with_policy:.3f}"
        )
        self.assertLess(per_vm, len(document) / 10)


if __name__ == "__main__":
    unittest.main()

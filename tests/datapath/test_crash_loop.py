"""kill -9 of a random agent, or of the broker, round after round, while operators go on working.

TENET_ROUNDS is how many (20), TENET_FIRST_SEED where the dice begin (1).
"""

from __future__ import annotations

import os
import random
import unittest

from harness.operators import OWNED_MAC, VNID, Operator, account, at_work, settled

from .case import DatapathTest
from .test_survival import EVERYTHING

ROUNDS = int(os.environ.get("TENET_ROUNDS", "20"))
SEED = int(os.environ.get("TENET_FIRST_SEED", "1"))
OPERATORS = 4


class CrashLoop(DatapathTest):
    servers = 2
    devices = 2

    def cable(self) -> None:
        """No host is needed: the agents' accounts are compared, with those of the kernels."""

    def test_nothing_promised_is_lost_and_nothing_refused_is_there(self) -> None:
        self.done("server1", "create-network", policy=self.document(int(VNID), EVERYTHING))
        # The same document again: the other server claims it too.
        self._revisions[VNID] = 0
        self.done("server2", "create-network", policy=self.document(int(VNID), EVERYTHING))
        self.done("server1", "create-vm", vnid=VNID, vm="vm-owner", mac=OWNED_MAC)
        operators = [Operator(self.net, number, SEED) for number in range(OPERATORS)]
        with at_work(operators):
            self.rounds(operators)
        self.net.wait_ready(60)
        for server in ("server1", "server2"):
            self.run_command(server, "resync")
        print(f"{ROUNDS} rounds; {account(operators)}", flush=True)
        self.judge(operators)

    def rounds(self, operators: list[Operator]) -> None:
        dice = random.Random(SEED)
        agents = sorted(self.net.agents)
        for _ in range(ROUNDS):
            victim = dice.choice([*agents, "broker"])
            before = sum(o.promises for o in operators)
            pause = dice.randrange(1, 40)
            self.wait_until(
                lambda b=before, p=pause: sum(o.promises for o in operators) >= b + p,
                f"no work is done before {victim} is killed", 60,
            )  # fmt: skip
            process = self.net.broker if victim == "broker" else self.net.agents[victim]
            process.kill()
            process.start()

    def judge(self, operators: list[Operator]) -> None:
        """Server, device, kernel and promises agree."""
        listed = {server: self.rows(server, "list-vms") for server in ("server1", "server2")}
        wanted = settled(operators, listed)
        for device, space in zip(("switch1", "switch2"), self.spaces, strict=True):
            rows = self.rows(device, "list-vms")
            self.assertEqual({row["vm"]: row["state"] for row in rows}, wanted, device)
            associated = {row["mac"] for row in rows if row["state"] == "associated"}
            self.assertEqual(self.macs_in_kernel(space), associated, device)
            self.assertEqual(self.resync(device), [], f"{device}: kernel and store differ")


if __name__ == "__main__":
    unittest.main()

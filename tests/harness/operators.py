"""Operators who work all the time, on servers and a broker that may die, and keep account."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from .commands import CommandError, ConsoleTimeout, Result
from .console import ConnectError, Console
from .numbering import mac
from .topology import ADMIN, Topology

#: The network that they work on; it has to be there, with a VM of OWNED_MAC.
VNID = "4096"
OWNED_MAC = mac(900)
#: How the names begin of VMs that nobody may have.
THIEF = "thief"
ABSENT = "absent"
_VMS = 12  # of each operator


class Operator:
    """Has VMs of its own, changes them all the time, and keeps account of what it was promised."""

    def __init__(self, net: Topology, number: int, seed: int) -> None:
        self.net = net
        self.number = number
        self.server = f"server{number % len(net.servers) + 1}"
        self.dice = random.Random(seed * 1000 + number)
        self.console: Console | None = None
        #: What each VM may be, after all that was promised; several if an answer was lost.
        self.possible = {f"vm-{number}-{n}": {ABSENT} for n in range(_VMS)}
        self.promises = 0
        self.refusals = 0
        self.lost = 0

    def work(self, end: threading.Event) -> None:
        """Until the end."""
        while not end.is_set():
            try:
                if self.console is None or not self.console.is_connected():
                    self.connect()
                lost = self.lost
                self.step()
                if self.lost > lost:  # a server that is down says so at once, again and again
                    end.wait(0.05)
            except ConnectError:
                end.wait(0.1)
        if self.console:
            self.console.close()

    def connect(self) -> None:
        if self.console:
            self.console.close()
        self.console = Console()
        broker, jid = self.net.broker, self.net.bare_jid(ADMIN)
        self.console.connect(jid, f"{ADMIN}-password", broker.host, broker.port, broker.ca_file)

    def step(self) -> None:
        name = self.dice.choice(sorted(self.possible))
        turn = self.dice.random()
        if turn < 0.1:
            self.ask_for_the_impossible(name)
        elif turn < 0.5:
            state = self.dice.choice(["associated", "pre-associated"])
            self.change(name, state, "create-vm", mac=self.mac(name), state=state)
        elif turn < 0.65:
            self.change(name, "associated", "activate-vm")
        else:
            self.change(name, ABSENT, "remove-vm")

    def mac(self, name: str) -> str:
        return mac(1000 + 100 * self.number + int(name.rpartition("-")[2]))

    def change(self, name: str, outcome: str, node: str, **fields: str) -> None:
        """What was promised holds; if nothing was heard, it may hold."""
        result = self.execute(node, vm=name, **fields)
        if result is None:
            self.possible[name] = self.possible[name] | {outcome}
        elif result.status == "completed" and not any("rolled back" in e for e in result.errors):
            self.possible[name] = {outcome}
            self.promises += 1

    def ask_for_the_impossible(self, name: str) -> None:
        """The MAC is another VM's: every device refuses, and the server takes it back."""
        result = self.execute(
            "create-vm", vm=f"{THIEF}-{name}", mac=OWNED_MAC, state="associated"
        )
        if result is not None and result.errors:
            self.refusals += 1

    def execute(self, node: str, **fields: str) -> Result | None:
        """Nothing if no answer came."""
        assert self.console
        try:
            return self.console.execute(
                self.net.jid(self.server), node, vnid=VNID, _timeout=10, **fields
            )
        except (CommandError, ConsoleTimeout, ConnectError):
            self.lost += 1
            return None


@contextmanager
def at_work(operators: Sequence[Operator]) -> Iterator[None]:
    """They work during the block, and have gone home after it."""
    end = threading.Event()
    with ThreadPoolExecutor(len(operators)) as pool:
        work = [pool.submit(operator.work, end) for operator in operators]
        try:
            yield
        finally:
            end.set()
        for done in work:
            done.result()


def account(operators: Sequence[Operator]) -> str:
    """What they lived through, for people."""
    return (
        f"{sum(o.promises for o in operators)} promises,"
        f" {sum(o.refusals for o in operators)} refusals,"
        f" {sum(o.lost for o in operators)} answers lost"
    )


def settled(operators: Sequence[Operator], rows: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    """VM -> state as the servers' `list-vms` tell it, once all is delivered.

    Raises AssertionError if a promise was broken, or a refused wish is more than a vain one.
    """
    wanted: dict[str, str] = {}
    for server, listed in rows.items():
        # A server that died before it took a refused wish back still wants it, in vain.
        vain = [row for row in listed if row["vm"].startswith(THIEF)]
        assert {row["delivery"] for row in vain} <= {"refused"}, vain
        kept = [row for row in listed if row not in vain]
        assert {row["delivery"] for row in kept} <= {"enforced"}, kept
        known = {row["vm"]: row["state"] for row in kept}
        wanted.update(known)
        for operator in operators:
            if operator.server != server:
                continue
            for name, possible in operator.possible.items():
                state = known.get(name, ABSENT)
                assert state in possible, f"{name} at {server} is {state}, promised: {possible}"
    return wanted

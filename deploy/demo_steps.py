"""What the parts of the demo share: steps, what they expect, and the words of an operator."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Generic, TypeVar

from harness.commands import Result
from harness.topology import Topology

NAMESPACE = "urn:tenet:policy:1"
BOLD, DIM, GREEN, RED, PLAIN = "\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m"
if not sys.stdout.isatty():
    BOLD = DIM = GREEN = RED = PLAIN = ""
MOST_LINES = 12

D = TypeVar("D", bound="Demo")


def policy(vnid: int, revision: int, entries: str) -> str:
    """A policy document."""
    return f"<policy xmlns='{NAMESPACE}' vnid='{vnid}' revision='{revision}'>{entries}</policy>"


class Demo:
    """The operator's words, and the record of what held."""

    def __init__(self, net: Topology) -> None:
        self.net = net
        self.failures = 0
        self.mark = 0

    def expect(self, what: str, holds: bool) -> None:
        """One thing that must be true now."""
        verdict = f"{GREEN}ok{PLAIN}" if holds else f"{RED}FAILED{PLAIN}"
        print(f"    {verdict}  {what}", flush=True)
        self.failures += not holds

    def run(self, agent: str, node: str, **fields: str) -> Result:
        """A command of the operator."""
        return self.net.admin.execute(self.net.jid(agent), node, _timeout=60, **fields)

    def done(self, agent: str, node: str, **fields: str) -> None:
        """A command that must be durable and enforced on every device that it concerns."""
        result = self.run(agent, node, **fields)
        states = [row["state"] for row in result.rows]
        held = result.status == "completed" and all(state == "enforced" for state in states)
        what = f"{agent}: {node}: durable and enforced on {len(states)} device(s)"
        details = [row.get("detail", "") for row in result.rows if row["state"] != "enforced"]
        self.expect(what if held else f"{agent}: {node}: {result.notes} {details}", held)

    def sends(self, *operations: str) -> None:
        """The operations that crossed the wire in this step, in any order."""
        seen = self.net.wire.operations(self.mark)
        held = sorted(seen) == sorted(operations)
        wanted = ", ".join(operations) or "no operation"
        self.expect(f"on the wire: {wanted}" + ("" if held else f"; seen: {seen}"), held)

    def table(self, agent: str, node: str) -> list[dict[str, str]]:
        """All rows of a listing."""
        return self.net.admin.table(self.net.jid(agent), node)

    def policies(self, device: str) -> dict[str, str]:
        """VNID -> revision."""
        return {r["vnid"]: r["revision"] for r in self.table(device, "list-policies")}

    def vms(self, device: str) -> dict[str, str]:
        """VM -> state."""
        return {r["vm"]: r["state"] for r in self.table(device, "list-vms")}

    def requests(self) -> set[str]:
        """The names of the requests that crossed the wire in this step."""
        return {m.name for m in self.net.wire.messages(self.mark) if m.type in ("get", "set")}


class Steps(Generic[D]):
    """The steps of one part, in the order in which its file has them."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[D], None]]] = []

    def step(self, title: str) -> Callable[[Callable[[D], None]], Callable[[D], None]]:
        """Adds a function to the steps."""

        def add(function: Callable[[D], None]) -> Callable[[D], None]:
            self._steps.append((title, function))
            return function

        return add

    def play(self, demo: D) -> None:
        """Every step, with the messages that it caused. One that fails does not end the rest."""
        for number, (title, function) in enumerate(self._steps, 1):
            print(f"\n{BOLD}{number:2}. {title}{PLAIN}", flush=True)
            demo.mark = demo.net.wire.mark()
            try:
                function(demo)
            except Exception as problem:
                demo.expect(f"{type(problem).__name__}: {problem}", False)
            lines = demo.net.wire.render(demo.mark).splitlines()
            for line in lines[:MOST_LINES]:
                print(f"      {DIM}{line[:150]}{PLAIN}")
            if len(lines) > MOST_LINES:
                print(f"      {DIM}... and {len(lines) - MOST_LINES} more{PLAIN}")

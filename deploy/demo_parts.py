"""Plays the parts of the demo, or those that are named. Run it through deploy/demo."""

from __future__ import annotations

import logging
import signal
import sys

import demo_flows
import demo_packets
from demo_steps import BOLD, GREEN, PLAIN, RED

PARTS = {"flows": demo_flows.play, "packets": demo_packets.play}


def main(wanted: list[str]) -> int:
    """Exit code 0 only if every step of every part held."""
    unknown = set(wanted) - set(PARTS)
    if unknown:
        print(
            f"demo: unknown part {', '.join(unknown)}; there are {', '.join(PARTS)}",
            file=sys.stderr,
        )
        return 2
    logging.disable(logging.CRITICAL)
    # Someone who ends it shall find nothing left either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failures = 0
    for number, name in enumerate(wanted or PARTS):
        print(f"{'' if number == 0 else chr(10)}{BOLD}The {name}{PLAIN}")
        try:
            failures += PARTS[name]()
        except Exception as problem:
            print(f"    {RED}FAILED{PLAIN}  the {name} cannot be played: {problem}", flush=True)
            failures += 1
    if failures:
        print(f"\n{RED}{failures} checks failed.{PLAIN}")
        return 1
    print(
        f"\n{GREEN}Every step held.{PLAIN} All agents and brokers are stopped, all namespaces are "
        "removed, nothing is left."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

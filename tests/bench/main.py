"""Runs benchmarks and prints what they found. Use tests/bench/run."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median

from .benchmarks import ALL, FULL, QUICK, Rounds, run
from .plot import plot

#: What is wanted: at most (<=) or at least (>=).
GOALS = {
    "associate_one.prosody.ratio": ("<=", 1.25),
    "associate_one.ejabberd.ratio": ("<=", 1.25),
    "associate_bulk.prosody.ratio": (">=", 0.6),
    "associate_bulk.ejabberd.ratio": (">=", 0.6),
    "coalescing.prosody.ratio": (">=", 10.0),
    "coalescing.ejabberd.ratio": (">=", 10.0),
    "policy_change.ratio": ("<=", 1.2),
    "growth.ratio": ("<=", 1.3),
    "memory.device.1000000.bytes_per_vm": ("<=", 400.0),
    "memory.server.1000000.bytes_per_vm": ("<=", 400.0),
    "restart.ratio": ("<=", 1.5),
    "vs_ovn.one_ratio": (">=", 100.0),
    "vs_ovn.bulk_ratio": (">=", 50.0),
    "resync.prosody.unchanged_bytes": ("<=", 2048.0),
    "resync.ejabberd.unchanged_bytes": ("<=", 2048.0),
    "resync.prosody.ratio": ("<=", 1.5),
    "resync.ejabberd.ratio": ("<=", 1.5),
    "wire.prosody.bytes_per_vm": ("<=", 200.0),
    "wire.ejabberd.bytes_per_vm": ("<=", 200.0),
    "wire.prosody.ratio": ("<=", 0.03),
    "wire.ejabberd.ratio": ("<=", 0.03),
}


def table(found: Rounds) -> str:
    """A line for each key: median, spread over the rounds, and the goal."""
    lines = []
    for key, values in found.items():
        sign, goal = GOALS.get(key, ("", 0.0))
        middle = median(values)
        met = ""
        if sign:
            reached = middle <= goal if sign == "<=" else middle >= goal
            met = f"{sign} {goal:g}  {'met' if reached else 'NOT MET'}"
        lines.append(f"{key:42} {middle:12.3f}  {min(values):10.3f} to {max(values):10.3f}  {met}")
    return "\n".join(lines)


def main() -> int:
    """Exit code 0 if every benchmark ran; whether goals are met is for people to judge."""
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, less of everything")
    parser.add_argument("--json", type=Path, help="write each key's rounds and median there")
    parser.add_argument("--svg", type=Path, help="write a plot of each benchmark into this folder")
    parser.add_argument("name", nargs="*", choices=[*ALL, []], help="default: all of them")
    wanted = parser.parse_args()
    everything: Rounds = {}
    for name, found in run(wanted.name or list(ALL), QUICK if wanted.quick else FULL):
        print(f"\n{name}\n{table(found)}", flush=True)
        everything.update(found)
        if wanted.svg:
            plot(name, found, wanted.svg)
        if wanted.json:  # after each: one that fails takes nothing away
            values = {k: {"median": median(v), "rounds": v} for k, v in everything.items()}
            wanted.json.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs benchmarks and prints what they found. Use tests/bench/run."""

from __future__ import annotations

import argparse
import json
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import median

from .benchmarks import ALL, FULL, QUICK, Rounds, run
from .plot import plot

#: What is asked for, by the keys of which the worst counts: at most (<=) or at least (>=) so much;
#: without a sign it is only told.
GOALS = {
    "associate_one.ratio": ("associate_one.*.ratio", "<=", 1.25),
    "associate_bulk.ratio": ("associate_bulk.*.ratio", ">=", 0.6),
    "coalescing.ratio": ("coalescing.*.ratio", ">=", 10.0),
    "vs_ovn.one_ratio": ("vs_ovn.one_ratio", ">=", 100.0),
    "vs_ovn.bulk_ratio": ("vs_ovn.bulk_ratio", ">=", 50.0),
    "policy_change.ratio": ("policy_change.ratio", "<=", 1.2),
    "restart.ratio": ("restart.ratio", "<=", 1.5),
    "resync.unchanged_bytes": ("resync.*.unchanged_bytes", "<=", 2048.0),
    "resync.storm_p99_s": ("resync.*.storm_p99_s", "", 0.0),
    "resync.ratio": ("resync.*.ratio", "<=", 1.5),
    "wire.bytes_per_vm": ("wire.*.bytes_per_vm", "<=", 200.0),
    "wire.ratio": ("wire.*.ratio", "<=", 0.03),
    "memory.bytes_per_vm": ("memory.*.1000000.bytes_per_vm", "<=", 400.0),
    "growth": ("growth.ratio", "<=", 1.3),
}


def table(found: Rounds) -> str:
    """A line for each key: median, spread over the rounds, and the goal."""
    lines = []
    for key, values in found.items():
        met = ""
        for name, (pattern, sign, goal) in GOALS.items():
            if sign and (key == name or fnmatchcase(key, pattern)):
                reached = median(values) <= goal if sign == "<=" else median(values) >= goal
                met = f"{sign} {goal:g}  {'met' if reached else 'NOT MET'}"
        lines.append(f"{key:42} {median(values):12.3f}  {min(values):10.3f} to {max(values):10.3f}  {met}")
    return "\n".join(lines)


def worst(found: Rounds) -> Rounds:
    """Of each goal the rounds of the key that is furthest from it."""
    out: Rounds = {}
    for name, (pattern, sign, _) in GOALS.items():
        keys = [key for key in found if fnmatchcase(key, pattern)]
        if keys:
            far = min if sign == ">=" else max
            out[name] = found[far(keys, key=lambda key: median(found[key]))]
    return out


def save(found: Rounds, file: Path) -> None:
    """Rounds and median of each key and each goal."""
    values = {k: {"median": median(v), "rounds": v} for k, v in {**found, **worst(found)}.items()}
    file.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


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
            save(everything, wanted.json)
    print(f"\ngoals\n{table(worst(everything))}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs benchmarks, prints what they found, writes it as JSON, and draws it. Use tests/bench/run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import median
from typing import Any

from harness.agents import binary_folder

from .benchmarks import ALL, FULL, QUICK, CommitLoop, run
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


#: Where JSON and plots go that nobody wants elsewhere; and those that README.md shows.
OUTPUT = binary_folder().parent / "bench" / "last.json"
DOCUMENTS = Path(__file__).parent


def table(found: CommitLoop) -> str:
    """A line for each key: median, spread over the rounds, and the goal for runs of full size."""
    lines = []
    for key, values in found.items():
        met = ""
        for name, (pattern, sign, goal) in GOALS.items():
            if sign and (key == name or fnmatchcase(key, pattern)):
                reached = median(values) <= goal if sign == "<=" else median(values) >= goal
                met = f"{sign} {goal:g}  {'met' if reached else 'NOT MET'}"
        spread = f"{median(values):12.3f}  {min(values):10.3f} to {max(values):10.3f}"
        lines.append(f"{key:46} {spread}  {met}".rstrip())
    return "\n".join(lines)


def worst(found: CommitLoop) -> CommitLoop:
    """Of each goal the rounds of the key that is furthest from it."""
    out: CommitLoop = {}
    for name, (pattern, sign, _) in GOALS.items():
        keys = [key for key in found if fnmatchcase(key, pattern)]
        if keys:
            far = min if sign == ">=" else max
            out[name] = found[far(keys, key=lambda key: median(found[key]))]
    return out


def where(*, quick: bool) -> dict[str, Any]:
    """What ran on what, and when."""
    commit = subprocess.run(
        ["git", "-C", DOCUMENTS, "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return {
        "commit": commit.stdout.strip(),
        "begun": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "processors": f"{os.cpu_count()} x {cpu[1] if cpu else platform.machine()}",
        "kernel": platform.release(),
        "full_size": not quick,
    }


def save(found: CommitLoop, run_on: dict[str, Any], file: Path) -> None:
    """CommitLoop and median of each key and each goal."""
    values = {k: {"median": median(v), "rounds": v} for k, v in {**found, **worst(found)}.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"run": run_on, **values}, indent=2) + "\n", encoding="utf-8")


def document(found: CommitLoop, run_on: dict[str, Any]) -> None:
    """Put the table into README.md."""
    ran = f"{run_on['begun']}, commit {run_on['commit']}, {run_on['processors']}, Linux {run_on['kernel']}"
    text = f"```\n{ran}\n\n{table(found)}\n\ngoals\n{table(worst(found))}\n```"
    readme = DOCUMENTS / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split("<!-- table -->\n")
    _, after = rest.split("<!-- end of table -->\n")
    readme.write_text(
        f"{before}<!-- table -->\n{text}\n<!-- end of table -->\n{after}", encoding="utf-8"
    )


def main() -> int:
    """Exit code 0 if every benchmark ran; whether goals are met is for people to judge."""
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds, less of everything: no goal is judged by it"
    )
    parser.add_argument(
        "--json", type=Path, default=OUTPUT,
        help="each key's rounds and median; a plot of each benchmark goes into plots/ beside it",
    )  # fmt: skip
    parser.add_argument(
        "--document", action="store_true", help="last.json, plots and the table of tests/bench/README.md"
    )
    parser.add_argument("name", nargs="*", choices=[*ALL, []], help="default: all of them")
    wanted = parser.parse_args()
    file = DOCUMENTS / "last.json" if wanted.document else wanted.json
    run_on = where(quick=wanted.quick)
    everything: CommitLoop = {}
    for name, found in run(wanted.name or list(ALL), QUICK if wanted.quick else FULL):
        print(f"\n{name}\n{table(found)}", flush=True)
        everything.update(found)
        plot(name, found, file.parent / "plots")
        save(everything, run_on, file)  # after each: one that fails takes nothing away
    print(f"\ngoals\n{table(worst(everything))}\n\n{file}", flush=True)
    if wanted.quick:
        print("Not at full size: goals are for runs without --quick.")
    if wanted.document:
        document(everything, run_on)
    return 0


if __name__ == "__main__":
    sys.exit(main())

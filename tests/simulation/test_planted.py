"""The simulator is worth what it finds: bugs are planted into the real code, one at a time.

Each is a text of a source file and what takes its place. The changed file is compiled beside the
build, and linked in front of the library that it belongs to.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .optimized import BUILD, ROOT, SIMULATION, build

SEEDS = 1000
OUTPUT = str(SIMULATION.relative_to(BUILD))


@dataclass(frozen=True)
class Bug:
    what: str
    file: str
    old: str
    new: str


BUGS = [
    Bug(
        "answers leave without a commit",
        "device-agent/commit/commit_loop.cpp",
        "auto committed = store_.commit(); !committed",
        "Result<void> committed; !committed",
    ),
    Bug(
        "the datapath keeps what the store could not",
        "device-agent/commit/commit_loop.cpp",
        'if (!driver_.take_back(delta).empty() && !repair("failed commit"))',
        "if (delta.networks.size() > 1'000'000)",
    ),
    Bug(
        "late messages count",
        "device-agent/core/device_core.cpp",
        "sequence > known->second.contact.last",
        "sequence.epoch > 0",
    ),
    Bug(
        "a refusal leaves half of its operation behind",
        "device-agent/core/device_core.cpp",
        "if (result) state_.undo_to(mark);",
        "if (result && mark > 1'000'000) state_.undo_to(mark);",
    ),
    Bug(
        "one server's withdrawal is everybody's",
        "device-agent/core/device_core.cpp",
        "if (networks().at(vnid).claims.empty()) state_.set_policy(vnid, nullptr);",
        "state_.set_policy(vnid, nullptr);",
    ),
    Bug(
        "the source of a migration keeps the VM",
        "device-agent/core/device_core.cpp",
        "state_.set_vm(source, vnid, vm.id, nullptr);",
        "",
    ),
    Bug(
        "VMs that are only pre-associated talk",
        "device-agent/core/device_state.cpp",
        "if (vm->state == VmState::associated) out.members[{vnid, vm->id}] = vm;",
        "out.members[{vnid, vm->id}] = vm;",
    ),
    Bug(
        "the digest leaves out a VM's state",
        "common/core/digest.cpp",
        "std::string(state_name(vm.state))",
        "std::string()",
    ),
    Bug(
        "requests leave before the wishes are stored",
        "server-agent/store/write_ahead.cpp",
        "if (!held_.store.empty())",
        "if (held_.store.networks.size() > 1'000'000)",
    ),
    Bug(
        "takeovers leave before the wishes are stored",
        "server-agent/store/write_ahead.cpp",
        "return !o.policy && !o.from;",
        "return !o.policy;",
    ),
    Bug(
        "batches overlap whatever they are about",
        "server-agent/core/in_flight.cpp",
        "found->second.blocking > 0;",
        "found->second.blocking > 1'000'000;",
    ),
    Bug(
        "a policy is sent to those that have it",
        "server-agent/core/plan.cpp",
        "switch (succession(acknowledged->stamp, wanted.policy->stamp()))",
        "switch (acknowledged->stamp.revision <= wanted.policy->revision() ? Succession::newer"
        " : Succession::older)",
    ),
    Bug(
        "the end mark is set whatever the device says",
        "server-agent/core/link/device_link.cpp",
        "answer.root != digest(acknowledged_)",
        "answer.root == Sha256{}",
    ),
    Bug(
        "reservations of silent servers never end",
        "device-agent/core/reservations.cpp",
        "if (reserved_until(name) > now) continue;",
        "if (reserved_until(name) >= WallTime{}) continue;",
    ),
]


def _compiler(source: Path) -> list[str]:
    """The command that compiles the file, without its output and its input."""
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        if Path(entry["file"]) == source:
            words = shlex.split(entry["command"])
            return words[: words.index("-o")]
    raise AssertionError(f"{source} is not compiled")


def _linker() -> list[str]:
    """The command that links the simulator."""
    command = ["ninja", "-C", str(BUILD), "-t", "commands", "-s", OUTPUT]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    line = lines.strip().splitlines()[-1]
    match = re.search(r":\s*&&\s*(.*?)\s*&&\s*:", line)
    return shlex.split(match.group(1) if match else line)


class PlantedBugs(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        build()

    def plant(self, bug: Bug, folder: Path) -> Path:
        """The simulator with the bug in it, made in an empty folder."""
        source = ROOT / bug.file
        text = source.read_text()
        self.assertEqual(text.count(bug.old), 1, f"{bug.file} has changed: plant the bug anew")
        planted = folder / source.name
        planted.write_text(text.replace(bug.old, bug.new))
        thing = folder / "planted.o"
        quick = ["-O0", "-g0", "-Wno-error", "-w"]
        compile_it = [*_compiler(source), *quick, "-o", str(thing), "-c", str(planted)]
        subprocess.run(compile_it, check=True, cwd=BUILD)
        program = folder / "simulation"
        words = _linker()
        words[words.index(OUTPUT)] = str(program)
        words.insert(words.index("-o"), str(thing))
        subprocess.run(words, check=True, cwd=BUILD)
        return program

    def search(self, bug: Bug) -> subprocess.CompletedProcess[str]:
        """Play until the bug shows."""
        with tempfile.TemporaryDirectory(prefix="tenet-planted-") as folder:
            return subprocess.run(
                [self.plant(bug, Path(folder)), "--seeds", f"1..{SEEDS}", "--first"],
                capture_output=True,
                text=True,
                check=False,
            )

    def test_each_is_found(self) -> None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            searches = [pool.submit(self.search, bug) for bug in BUGS]
        for bug, search in zip(BUGS, searches, strict=True):
            with self.subTest(bug.what):
                found = search.result()
                lines = (found.stdout + found.stderr).strip().splitlines()
                print(f"{bug.what}: {lines[0][:160] if lines else 'nothing'}", flush=True)
                self.assertNotEqual(found.returncode, 0, f"not found in {SEEDS} histories")
                self.assertNotIn("--seeds", lines[0])


if __name__ == "__main__":
    unittest.main()

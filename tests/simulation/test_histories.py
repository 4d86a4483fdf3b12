"""Thousands of histories with every kind of fault: every law holds after every event."""

from __future__ import annotations

import os
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

from .optimized import SIMULATION, build

SEEDS = int(os.environ.get("TENET_HISTORIES", "2000"))
FIRST = int(os.environ.get("TENET_FIRST_SEED", "1"))


def play(seeds: range) -> subprocess.CompletedProcess[str]:
    """The histories of these seeds, in one process."""
    return subprocess.run(
        [SIMULATION, "--seeds", f"{seeds[0]}..{seeds[-1]}"],
        capture_output=True,
        text=True,
        check=False,
    )


class Histories(unittest.TestCase):
    def test_every_law_holds(self) -> None:
        build()
        workers = os.cpu_count() or 1
        size = -(-SEEDS // workers)
        end = FIRST + SEEDS
        shares = [range(seed, min(seed + size, end)) for seed in range(FIRST, end, size)]
        with ThreadPoolExecutor(workers) as pool:
            for seeds, played in zip(shares, pool.map(play, shares), strict=True):
                print(played.stdout, flush=True)
                self.assertEqual(played.returncode, 0, played.stdout + played.stderr)
                self.assertIn(f"{len(seeds)} seeds, ", played.stdout)


if __name__ == "__main__":
    unittest.main()

"""Thousands of histories with every kind of fault: every law holds after every event."""

from __future__ import annotations

import os
import subprocess
import unittest

from .optimized import SIMULATION, build

SEEDS = int(os.environ.get("TENET_HISTORIES", "2000"))
FIRST = int(os.environ.get("TENET_FIRST_SEED", "1"))


class Histories(unittest.TestCase):
    def test_every_law_holds(self) -> None:
        build()
        played = subprocess.run(
            [SIMULATION, "--seeds", f"{FIRST}..{FIRST + SEEDS - 1}"],
            capture_output=True,
            text=True,
            check=False,
        )
        print(played.stdout, flush=True)
        self.assertEqual(played.returncode, 0, played.stdout + played.stderr)
        self.assertIn(f"{SEEDS} seeds, ", played.stdout)


if __name__ == "__main__":
    unittest.main()

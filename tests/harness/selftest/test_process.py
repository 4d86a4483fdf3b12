"""Proves `process` with small programs."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

from ..process import ChildProcess

# Ends with 0 at SIGTERM, with 1 if it was ever continued.
_PROGRAM = """
import os, signal
signal.signal(signal.SIGCONT, lambda *_: os._exit(1))
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("here", flush=True)
signal.sigwait({signal.SIGTERM})
"""


class TerminateTest(unittest.TestCase):
    """The orderly end."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="tenet-selftest-")
        self.addCleanup(folder.cleanup)
        self.child = ChildProcess(
            "child",
            [sys.executable, "-c", _PROGRAM],
            Path(folder.name),
            Path(folder.name) / "log",
        )
        self.child.start()
        self.addCleanup(self.child.kill)
        self.child.wait_log("here", 20)

    def test_a_running_process_is_never_continued(self) -> None:
        """SIGCONT while the leak check of a sanitized program attaches makes it hang for ever."""
        self.assertEqual(self.child.terminate(20), 0)

    def test_a_paused_process_is_continued_and_ends(self) -> None:
        self.child.pause()
        self.assertEqual(self.child.terminate(20), 1)


if __name__ == "__main__":
    unittest.main()

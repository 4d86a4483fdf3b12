"""Proves the harness itself: with a real broker and slixmpp on both sides, without the agents.

In the folder `tests`: `python3 -m harness.selftest`.
"""

import unittest
from pathlib import Path


def load_tests(
    loader: unittest.TestLoader, _tests: unittest.TestSuite, _pattern: str | None
) -> unittest.TestSuite:
    """All modules test_*.py of this folder, however the package is run."""
    folder = Path(__file__).resolve().parent
    names = sorted(file.stem for file in folder.glob("test_*.py"))
    return loader.loadTestsFromNames([f"{__name__}.{name}" for name in names])

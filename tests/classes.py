"""Prints the test classes of modules, one a line: MODULE CLASS. CMake makes a test of each.

usage: classes.py MODULE...
"""

from __future__ import annotations

import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True


def tests(suite: unittest.TestSuite | unittest.TestCase) -> Iterator[unittest.TestCase]:
    """The tests of a suite, however deep."""
    if isinstance(suite, unittest.TestCase):
        yield suite
    else:
        for part in suite:
            yield from tests(part)


def main(modules: list[str]) -> int:
    """Exit code 0 if every module can be imported and has a test."""
    for module in modules:
        loader = unittest.TestLoader()
        names = {type(test).__name__: None for test in tests(loader.loadTestsFromName(module))}
        if loader.errors or not names:
            print(*loader.errors or [f"{module} has no tests"], file=sys.stderr)
            return 1
        for name in names:
            print(module, name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

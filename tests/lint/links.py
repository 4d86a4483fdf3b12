"""Which libraries a program asks the loader for.

usage: links.py LIBRARY --with PROGRAM... --without PROGRAM...; exits with 1 if one of the first does
not ask for the library, or one of the others does.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys


def needed(program: str) -> set[str]:
    """The shared libraries in the program's dynamic section: those of its link line."""
    read = subprocess.run(["readelf", "-d", program], check=True, capture_output=True, text=True)
    return set(re.findall(r"\(NEEDED\)\s+Shared library: \[([^]]+)\]", read.stdout))


def main() -> int:
    """Reports each program that links otherwise than it should."""
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--with", dest="linked", nargs="+", required=True)
    parser.add_argument("--without", nargs="+", required=True)
    asked = parser.parse_args()
    wrong = 0
    for programs, wanted in ((asked.linked, True), (asked.without, False)):
        for program in programs:
            found = any(name.startswith(asked.library) for name in needed(program))
            print(f"{program}: {'links' if found else 'does not link'} {asked.library}")
            wrong += found != wanted
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Keeps each library in its folder, and the deciding folders free of I/O.

A folder that decides reaches no I/O through any chain of our own headers, so that it does not
matter where a value that it needs is declared.

usage: includes.py ROOT; exits with 1 and names each forbidden include.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# What an include begins with, and the folders where it may stand.
CONFINED = {
    r"gloox/": ["common/xmpp/", "tests/unit/xmpp/", "tests/fuzz/xmpp/", "tests/bench/bare/"],
    r"sqlite3\.h": ["common/store/", "tests/power/vfs/", "tests/bench/floor/"],
    r"pugixml\.hpp": ["common/protocol/"],
    r"(libnftables|libmnl|libnftnl)": ["device-agent/datapath/linux/kernel/", "tests/bench/floor/"],
    r"linux/netfilter": ["device-agent/datapath/linux/", "tests/bench/floor/"],
    r"toml\+\+": ["common/runtime/"],
    r"spdlog/": ["common/observe/"],
    r"ares\.h": ["common/net/"],
    r"openssl/": ["common/core/", "common/net/", "common/xmpp/", "tests/unit/net/"],
    r"systemd/": ["common/runtime/"],
}
# These see no I/O at all.
PURE = [
    "common/core/",
    "common/command/",
    "common/carrier/",
    "common/protocol/",
    "server-agent/core/",
    "device-agent/core/",
    "device-agent/datapath/linux/program/",
]
IMPURE = re.compile(
    r"<(asio|gloox|libmnl|libnftnl|sqlite3|spdlog|systemd|sys/|unistd\.h|netinet/)"
    r"|<common/(net|observe|runtime|store|xmpp)/"
    r"|<(filesystem|fstream|future|iostream|mutex|random|thread|atomic)(\.h)?>"
)
FOLDERS = ["common", "server-agent", "device-agent", "console", "tests"]
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')

Includes = dict[str, list[tuple[int, str]]]


def read(root: Path) -> Includes:
    """By file, the line and the name of each include."""
    found: Includes = {}
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in (".h", ".cpp"):
                continue
            lines = file.read_text(encoding="utf-8").splitlines()
            numbered = ((number, INCLUDE.match(line)) for number, line in enumerate(lines, 1))
            found[file.relative_to(root).as_posix()] = [(n, m[1]) for n, m in numbered if m]
    return found


def misplaced(name: str, header: str) -> str:
    """Why that file may not include that header; nothing if it may."""
    for pattern, homes in CONFINED.items():
        if re.match(pattern, header) and not any(name.startswith(home) for home in homes):
            return f"belongs in {homes[0]}"
    return ""


def impure_chain(name: str, includes: Includes, seen: set[str]) -> list[str]:
    """The headers by which a file reaches I/O, the last one being that I/O; none if it does not."""
    for _, header in includes.get(name, []):
        if IMPURE.match(f"<{header}>"):
            return [header]
        if header in seen:
            continue
        seen.add(header)
        if chain := impure_chain(header, includes, seen):
            return [header, *chain]
    return []


def problems(includes: Includes) -> list[str]:
    """Every forbidden include, as file:line: text, and every pure file that reaches I/O."""
    found = []
    for name, lines in includes.items():
        for number, header in lines:
            if why := misplaced(name, header):
                found.append(f"{name}:{number}: {header} {why}")
        if any(name.startswith(folder) for folder in PURE):
            if chain := impure_chain(name, includes, set()):
                found.append(f"{name}: decides, and reaches I/O by {' -> '.join(chain)}")
    return found


if __name__ == "__main__":
    bad = problems(read(Path(sys.argv[1])))
    print("\n".join(bad) or "no forbidden include")
    sys.exit(1 if bad else 0)

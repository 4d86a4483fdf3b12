"""Keeps each library in its folder: no gloox outside common/xmpp, and so on.

usage: includes.py ROOT; exits with 1 and names each forbidden include.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# What an include begins with, and where it may stand.
CONFINED = {
    r"gloox/": ["common/xmpp/", "tests/unit/xmpp/", "tests/fuzz/stream.", "tests/bench/bare"],
    r"sqlite3\.h": ["common/store/", "tests/power/memory_vfs.cpp", "tests/bench/floor"],
    r"pugixml\.hpp": ["common/protocol/"],
    r"(libnftables|libmnl|libnftnl|netlink|linux/netfilter)": ["device-agent/datapath/linux/", "tests/bench/floor"],
    r"toml\+\+": ["common/runtime/"],
    r"spdlog/": ["common/runtime/"],
    r"ares\.h": ["common/xmpp/"],
    r"systemd/": ["common/runtime/"],
}
# The pure parts see no I/O at all.
PURE = [
    "common/core/",
    "server-agent/server_core",
    "server-agent/desired",
    "server-agent/plan",
    "server-agent/refusals",
    "server-agent/device_link",
    "server-agent/device_set",
    "server-agent/effects",
    "server-agent/key",
    "server-agent/under_way",
    "server-agent/sync_walk",
    "device-agent/device_core",
    "device-agent/baseline",
    "device-agent/capacity",
    "device-agent/explain",
    "device-agent/datapath/driver",
    "device-agent/datapath/linux/expression.",
    "device-agent/datapath/linux/layout.",
    "device-agent/datapath/linux/parts.",
    "device-agent/datapath/linux/program",
    "device-agent/datapath/linux/rule_builder.",
    "device-agent/datapath/linux/segment_plan.",
    "device-agent/datapath/linux/table.",
]
IMPURE = re.compile(
    r"asio|libmnl|libnftnl|common/(xmpp|store|runtime)/|<sys/|<unistd\.h>"
    r"|<(filesystem|fstream|future|iostream|mutex|random|thread)(\.h)?>"
)
FOLDERS = ["common", "server-agent", "device-agent", "console", "tests"]
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
# Public headers of the XMPP folder show no gloox type either.
OPEN_HEADERS = ["common/xmpp/session.h", "common/xmpp/adhoc.h"]


def problems(root: Path) -> list[str]:
    """Every forbidden include, as file:line: text."""
    found = []
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in (".h", ".cpp"):
                continue
            name = file.relative_to(root).as_posix()
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                match = INCLUDE.match(line)
                if match and (why := forbidden(name, match[1])):
                    found.append(f"{name}:{number}: {match[1]} {why}")
    return found


def forbidden(name: str, header: str) -> str:
    """Why that file may not include that header; nothing if it may."""
    for pattern, homes in CONFINED.items():
        if re.match(pattern, header) and not any(name.startswith(home) for home in homes):
            return f"belongs in {homes[0]}"
    if name in OPEN_HEADERS and header.startswith("gloox/"):
        return "must not show in a public header"
    if any(name.startswith(pure) for pure in PURE) and IMPURE.search(f"<{header}>"):
        return "is I/O, and this file is pure"
    return ""


if __name__ == "__main__":
    bad = problems(Path(sys.argv[1]))
    print("\n".join(bad) or "no forbidden include")
    sys.exit(1 if bad else 0)

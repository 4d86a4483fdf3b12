"""The include check finds what it is for."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from includes import CONFINED, PURE, misplaced, problems, read  # noqa: E402

ROOT = Path(__file__).parents[2]


class Forbidden(unittest.TestCase):
    def test_libraries_stay_in_their_folders(self) -> None:
        self.assertTrue(misplaced("server-agent/main.cpp", "gloox/client.h"))
        self.assertFalse(misplaced("common/xmpp/stream.cpp", "gloox/client.h"))
        self.assertTrue(misplaced("device-agent/commit/device_store.cpp", "sqlite3.h"))
        self.assertTrue(misplaced("tests/power/device_story.cpp", "sqlite3.h"))
        self.assertFalse(misplaced("tests/power/vfs/memory_vfs.cpp", "sqlite3.h"))
        self.assertTrue(misplaced("device-agent/core/device_core.cpp", "libmnl/libmnl.h"))

    def test_the_cores_are_pure(self) -> None:
        for header in ("asio/io_context.hpp", "common/observe/log.h", "fstream", "thread"):
            with self.subTest(header):
                self.assertTrue(problems({"device-agent/core/device_core.h": [(1, header)]}))
                self.assertFalse(problems({"server-agent/server_agent.cpp": [(1, header)]}))

    def test_a_chain_of_headers_is_followed(self) -> None:
        includes = {
            "server-agent/core/plan.cpp": [(3, "common/core/a.h")],
            "common/core/a.h": [(5, "device-agent/b.h")],
            "device-agent/b.h": [(1, "common/core/a.h"), (2, "common/store/database.h")],
        }
        found = problems(includes)
        self.assertIn(
            "server-agent/core/plan.cpp: decides, and reaches I/O by "
            "common/core/a.h -> device-agent/b.h -> common/store/database.h",
            found,
        )

    def test_each_folder_that_is_named_is_there_and_has_code(self) -> None:
        files = read(ROOT)
        for folder in [*PURE, *(home for homes in CONFINED.values() for home in homes)]:
            with self.subTest(folder):
                self.assertTrue(folder.endswith("/"), "name folders, not files")
                self.assertTrue(any(name.startswith(folder) for name in files))


if __name__ == "__main__":
    unittest.main()

"""The include check finds what it is for."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from includes import forbidden  # noqa: E402


class Forbidden(unittest.TestCase):
    def test_libraries_stay_in_their_folders(self) -> None:
        self.assertTrue(forbidden("server-agent/main.cpp", "gloox/client.h"))
        self.assertFalse(forbidden("common/xmpp/stream.cpp", "gloox/client.h"))
        self.assertTrue(forbidden("common/xmpp/session.h", "gloox/client.h"))
        self.assertTrue(forbidden("device-agent/device_store.cpp", "sqlite3.h"))
        self.assertTrue(forbidden("tests/power/device_story.cpp", "sqlite3.h"))
        self.assertFalse(forbidden("tests/power/memory_vfs.cpp", "sqlite3.h"))
        self.assertTrue(forbidden("device-agent/device_core.cpp", "libnftables.h"))

    def test_the_cores_are_pure(self) -> None:
        self.assertTrue(forbidden("device-agent/device_core.h", "asio/io_context.hpp"))
        self.assertTrue(forbidden("server-agent/server_core.cpp", "common/runtime/log.h"))
        self.assertTrue(forbidden("common/core/policy.cpp", "fstream"))
        self.assertFalse(forbidden("server-agent/server_agent.cpp", "common/runtime/log.h"))


if __name__ == "__main__":
    unittest.main()

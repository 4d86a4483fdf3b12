"""What `cmake --install` puts into a system, and that it works there."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness.agents import binary_folder

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = "usr/share/doc/tenet"
PROGRAMS = {
    "tenetctl": "usr/bin/tenetctl",
    "tenet-server-agent": "usr/sbin/tenet-server-agent",
    "tenet-device-agent": "usr/sbin/tenet-device-agent",
}


def below(folder: Path) -> set[str]:
    """The files below a folder, relative to it."""
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_dir()}


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="tenet-install-")
        cls.addClassCleanup(folder.cleanup)
        cls.system = Path(folder.name)
        subprocess.run(
            ["cmake", "--install", binary_folder().parent, "--prefix", "/usr"],
            env={**os.environ, "DESTDIR": folder.name},
            stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip

    def test_each_file_is_where_a_distribution_expects_it(self) -> None:
        pages = [page.name for page in (ROOT / "deploy" / "man").glob("*.[1-9]")]
        expected = {
            *PROGRAMS.values(),
            "usr/lib/systemd/system/tenet-server-agent.service",
            "usr/lib/systemd/system/tenet-device-agent.service",
            "usr/share/tenet/schemas/tenet-policy-1.xsd",
            *(f"{DOCUMENTS}/{name}" for name in ("README.md", "CHANGELOG.md", "LICENSE", "PROTOCOL.md")),
            f"{DOCUMENTS}/examples/broker/ejabberd.yml",
            f"{DOCUMENTS}/examples/broker/prosody.cfg.lua",
            *(f"{DOCUMENTS}/examples/messages/{name}" for name in below(ROOT / "schemas" / "examples")),
            *(f"usr/share/man/man{name[-1]}/{name}" for name in pages),
        }
        self.assertEqual(below(self.system), expected)

    def test_installed_programs_say_their_version(self) -> None:
        project = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
        version = re.search(r"project\(tenet VERSION (\S+)", project)
        assert version
        for name, path in PROGRAMS.items():
            with self.subTest(name):
                said = subprocess.run(
                    [self.system / path, "--version"], capture_output=True, text=True, check=True
                )
                self.assertEqual(said.stdout, f"{name} {version[1]}\n")

    def test_units_start_what_is_installed(self) -> None:
        for name in ("tenet-server-agent", "tenet-device-agent"):
            with self.subTest(name):
                unit = self.system / "usr/lib/systemd/system" / f"{name}.service"
                started = re.findall(r"^ExecStart(?:Pre)?=(\S+)", unit.read_text(), re.MULTILINE)
                self.assertEqual(started, [f"/{PROGRAMS[name]}"] * 2)


if __name__ == "__main__":
    unittest.main()

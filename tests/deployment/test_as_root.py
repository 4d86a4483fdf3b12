"""Scripts that need root: with sudo they run again, without it they say so."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ("deploy/demo", "deploy/install-dependencies", "tests/run", "tests/bench/run")
TOOLS = ("bash", "cat", "dirname", "env", "grep", "id", "paste", "realpath")
NOBODY = 65534


class AsRoot(unittest.TestCase):
    """Each script in a folder that everybody may read, and a PATH with hardly anything in it."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="tenet-as-root-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.folder.chmod(0o755)
        for name in (*SCRIPTS, "deploy/as-root.sh"):
            copy = self.folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy)
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            self.link(tool, tool)
        self.link("dpkg-query", "false")  # no package is installed

    def link(self, name: str, tool: str) -> None:
        """That tool in the PATH, by a name."""
        found = shutil.which(tool)
        assert found, tool
        (self.bin / name).symlink_to(found)

    def program(self, name: str, text: str) -> None:
        """A script in the PATH."""
        file = self.bin / name
        file.write_text(f"#!/usr/bin/env bash\n{text}\n", encoding="utf-8")
        file.chmod(0o755)

    def run_script(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it as somebody who is not root, from a folder that is not its own."""
        environment = {"PATH": str(self.bin), "TENET_KEEP": "1", "CI": "true", "SECRET": "1"}
        identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        return subprocess.run(
            [self.folder / name, *arguments],
            env=environment, cwd="/", stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
            **(identity if os.getuid() == 0 else {}),
        )  # fmt: skip

    def test_without_sudo_they_say_what_they_need(self) -> None:
        for name in SCRIPTS:
            with self.subTest(name):
                ended = self.run_script(name)
                self.assertEqual(ended.returncode, 1, ended)
                self.assertEqual(ended.stdout, "")
                self.assertIn("needs root", ended.stderr)
                self.assertIn("there is no sudo", ended.stderr)
                self.assertEqual(len(ended.stderr.splitlines()), 1, ended.stderr)

    def test_with_sudo_they_run_again_with_their_variables(self) -> None:
        self.program("sudo", 'printf "%s\\n" "$@"')
        arguments = {"deploy/demo": ["packets"], "tests/run": ["system", "unit"]}
        for name in SCRIPTS:
            with self.subTest(name):
                words = arguments.get(name, [])
                ended = self.run_script(name, *words)
                self.assertEqual(ended.returncode, 0, ended)
                self.assertEqual(
                    ended.stdout.splitlines(),
                    ["--preserve-env=CI,TENET_KEEP", "--", str(self.folder / name), *words],
                )
                self.assertEqual(len(ended.stderr.splitlines()), 1, ended.stderr)

    def test_only_the_missing_packages_are_for_root(self) -> None:
        self.program("sudo", 'printf "%s\\n" "$@"; exit 3')
        for words in (["deploy/demo", "flows"], ["tests/run", "unit", "lint"]):
            with self.subTest(words):
                ended = self.run_script(*words)
                self.assertEqual(ended.returncode, 3, ended)
                self.assertIn(str(self.folder / "deploy/install-dependencies"), ended.stdout)


if __name__ == "__main__":
    unittest.main()

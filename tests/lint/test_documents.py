"""What the documents say of files is so."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "CONTRIBUTING.md", ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PATH = re.compile(
    r"(?<![\w/.-])((?:common|server-agent|device-agent|console|schemas|tests|deploy|docs|cmake)"
    r"/(?:[\w./-]*[\w/])?)"
)
CODE = ("common", "server-agent", "device-agent", "console")


class Paths(unittest.TestCase):
    def test_each_path_that_a_document_names_is_there(self) -> None:
        for document in DOCUMENTS:
            text = document.read_text(encoding="utf-8")
            for path in sorted(set(PATH.findall(text))):
                with self.subTest(document=document.name, path=path):
                    self.assertTrue((ROOT / path).exists(), f"{path} is not there")

    def test_links_between_documents_lead_somewhere(self) -> None:
        for document in DOCUMENTS:
            for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
                with self.subTest(document=document.name, target=target):
                    self.assertTrue((document.parent / target).exists())

    def test_the_architecture_names_each_folder_of_code(self) -> None:
        named = set(PATH.findall((ROOT / "docs/architecture.md").read_text(encoding="utf-8")))
        for top in CODE:
            for folder in sorted({file.parent for file in (ROOT / top).rglob("*.cpp")}):
                name = folder.relative_to(ROOT)
                rooms = [name, *(parent for parent in name.parents if len(parent.parts) > 1)]
                with self.subTest(name.as_posix()):
                    self.assertTrue(
                        any(f"{room.as_posix()}/" in named for room in rooms),
                        "docs/architecture.md does not say what it is for",
                    )


if __name__ == "__main__":
    unittest.main()

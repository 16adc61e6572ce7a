"""What the documents point at exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("ringbuffer/*.md")])


def test_there_are_documents() -> None:
    assert {"README.md", "CHANGELOG.md"} <= {path.name for path in DOCUMENTS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", document.read_text())
    missing = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert missing == []


def test_the_readme_names_only_commands_that_run_knows() -> None:
    known = set(re.findall(r"^  (\w+) ", (ROOT / "run").read_text(), re.MULTILINE))
    named = set(re.findall(r"\./run (\w+)", (ROOT / "README.md").read_text() + (ROOT / "CHANGELOG.md").read_text()))
    assert named - known == set()

"""What the documentation shows runs as printed."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", *sorted(ROOT.glob("packages/*/README.md"))]
#: The READMEs, and what stands beside them.
DOCUMENTS = [
    *READMES,
    *sorted(ROOT.glob("packages/*/docs/*.md")),
    *sorted({*ROOT.glob("*.md")} - {*READMES}),
]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
SOURCES = {
    source.relative_to(root): source.read_text()
    for root in sorted(ROOT.glob("packages/algernon-*/src"))
    for source in sorted(root.rglob("*.py"))
}
#: Those that show examples; to import others may take what isn't installed, or leave a socket.
MODULES = [
    ".".join(source.with_suffix("").parts)
    for source, text in SOURCES.items()
    if source.stem != "__init__" and ">>> " in text
]


@pytest.mark.starts
@pytest.mark.parametrize("readme", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_python_blocks_of_a_readme_run_as_printed(readme: Path, tmp_path: Path) -> None:
    """The Python blocks of a document run one after the other, and print what stands below each."""
    blocks = BLOCK.findall(readme.read_text())
    assert blocks or readme not in READMES
    program = tmp_path / "readme.py"
    program.write_text("\n".join(code for code, _ in blocks))
    plain = {name: value for name, value in os.environ.items() if not name.startswith("A")}
    run = subprocess.run(
        [sys.executable, "-W", "error", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=plain,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == "".join(output for _, output in blocks)


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives a document's headings."""
    prose = FENCED.sub("", document.read_text())
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_links_of_a_document_lead_somewhere(document: Path) -> None:
    """A link to another document, or to a heading, finds it."""
    for path, anchor in LINK.findall(document.read_text()):
        target = document.parent / path if path else document
        assert target.exists(), f"{path} isn't there"
        assert not anchor or anchor in anchors(target), f"{path} has no #{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_sections_of_a_document_are_whole(document: Path) -> None:
    """No two have one heading, and none begins in what is shown."""
    text = document.read_text()
    headings = re.findall(r"^##+ .*$", FENCED.sub("", text), re.MULTILINE)
    # The same kinds of changes stand below each version.
    if document.name != "CHANGELOG.md":
        assert len(headings) == len(set(headings))
    assert not [shown for shown in FENCED.findall(text) if re.search("^##+ ", shown, re.MULTILINE)]


@pytest.mark.parametrize("document", READMES[1:], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_source_distribution_holds_the_documents(document: Path) -> None:
    """What stands beside a package's README goes with its sources."""
    project = tomllib.loads((document.parent / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert (document.parent / "docs").exists() == ("/docs" in included)


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_readme_installs_tools_into_a_virtual_environment(readme: Path) -> None:
    """Wherever hatch is installed, the same commands have made the environment that it is for."""
    text = readme.read_text()
    for install in re.finditer("pip install hatch", text):
        commands = text[text.rindex("```console", 0, install.start()) : install.start()]
        assert "python3 -m venv .venv && " in commands


@pytest.mark.parametrize("readme", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_readme_explains_the_name_moncrief_where_it_first_stands(readme: Path) -> None:
    """Whoever has never heard of it learns that it is a library, and what of."""
    paragraphs = readme.read_text().split("\n\n")
    first = next((each for each in paragraphs if "moncrief" in each), None)
    assert first is None or re.search(r"library\s+in\s+which\s+th", first)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_docstrings_hold(module: str) -> None:
    """Each example in a docstring gives what it says."""
    outcome = doctest.testmod(importlib.import_module(module))
    assert outcome.failed == 0

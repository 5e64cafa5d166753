"""What the documents say is there is there: files, headings, sessions, commands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
documents = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
each_document = pytest.mark.parametrize("document", documents, ids=lambda path: path.name)


@each_document
def test_every_link_leads_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    inside = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    missing = [link for link in inside if not leads_somewhere(document, link)]
    assert missing == []


@each_document
def test_every_session_that_is_named_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = set(re.findall(r"\bnox -s ([a-z]+)", text))
    assert named <= sessions()


@pytest.mark.parametrize("session", ["demo", "tests"])
def test_the_readme_gives_the_command_on_its_own_line(session: str) -> None:
    # `.ci/run` takes the test command from there.
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = rf'^python3 -m venv .venv && .*"nox\[uv\]" && \S+nox -s {session}$'
    assert len(re.findall(command, readme, flags=re.MULTILINE)) == 1


def leads_somewhere(document: Path, link: str) -> bool:
    """Tell whether a relative link names a file, and a heading in it where it names one."""
    name, _, heading = link.partition("#")
    target = (document.parent / name).resolve() if name else document
    if not target.exists():
        return False
    return not heading or heading in anchors(target)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as they are made from them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def sessions() -> set[str]:
    """Return the names of the sessions, as nox itself lists them."""
    command = [sys.executable, "-m", "nox", "--list", "--noxfile", str(ROOT / "noxfile.py")]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name.split("-")[0] for name in re.findall(r"^[*-] ([\w.-]+)", listed, re.MULTILINE)}

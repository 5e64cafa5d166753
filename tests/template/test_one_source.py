"""The patterns have one source: `patterns/`, which the template's stubs name."""

from pathlib import Path
from typing import Any

from release.stubs import PATTERNS, REPOSITORY, STUBS, sources, stub_text

REMEDY = "run `python release/stubs.py`"


def test_every_file_of_a_pattern_has_its_stub_and_every_stub_a_source() -> None:
    missing = sorted(set(sources(PATTERNS)) - set(sources(STUBS)))
    assert not missing, f"patterns/ has files without a stub: {', '.join(missing)}: {REMEDY}"
    left_over = sorted(set(sources(STUBS)) - set(sources(PATTERNS)))
    assert not left_over, f"stubs have no source in patterns/: {', '.join(left_over)}: {REMEDY}"


def test_every_stub_is_its_one_line() -> None:
    wrong = [
        path for path in sources(STUBS) if (STUBS / path).read_bytes() != stub_text(path).encode()
    ]
    assert not wrong, f"stubs hold something else: {', '.join(wrong)}: {REMEDY}"


def test_every_generated_pattern_equals_its_source_byte_for_byte(make: Any) -> None:
    generated = make() / "patterns"

    assert sources(generated) == sources(PATTERNS)
    differing = [
        path
        for path in sources(PATTERNS)
        if (generated / path).read_bytes() != (PATTERNS / path).read_bytes()
    ]
    assert not differing, f"generated differently: {differing}: each ends in exactly one newline?"


def test_the_stubs_script_writes_the_stub_of_a_new_file_and_removes_an_old_one(
    own_template: Path, run: Any
) -> None:
    stubs = own_template / STUBS.relative_to(REPOSITORY)
    (own_template / "patterns/new").mkdir()
    (own_template / "patterns/new/__init__.py").write_text('"""New."""\n')
    (stubs / "old.py").write_text(stub_text("old.py"))

    told = run("release.stubs", cwd=own_template).stdout

    assert told == "written: new/__init__.py\nremoved: old.py\n"
    assert (stubs / "new/__init__.py").read_text() == '{{ pattern("new/__init__.py") }}\n'
    assert not (stubs / "old.py").exists()

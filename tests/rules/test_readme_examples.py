"""What the generated README shows how to add is added to a shop, as it stands: checked, and run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rules.conftest import run, run_tests

BLOCK = re.compile(r"^```python\n# ([\w/]+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEST = Path(__file__).with_name("examples_in_shop.py")


@pytest.fixture
def examples(own_shop: Path) -> list[str]:
    """Add the README's blocks to the files that their first lines name; return these."""
    blocks = BLOCK.findall((own_shop / "README.md").read_text("utf-8"))
    for name, code in blocks:
        file = own_shop / name
        before = f"{file.read_text('utf-8').rstrip()}\n\n\n" if file.exists() else '"""Ours."""\n\n'
        file.write_text(before + code, "utf-8")
    return [name for name, _ in blocks]


def test_every_block_of_code_says_in_which_file_it_belongs(own_shop: Path) -> None:
    readme = (own_shop / "README.md").read_text("utf-8")
    assert readme.count("```python\n") == len(BLOCK.findall(readme))


def test_the_examples_pass_the_checks_and_do_what_they_say(
    own_shop: Path, examples: list[str]
) -> None:
    assert {"accounts/tasks.py", "accounts/leaving.py", "payments/tasks.py"} <= set(examples)
    assert {"config/tasks.py", "config/celery_settings.py"} <= set(examples)
    assert "tests/config/samples.py" in examples
    done = run(own_shop, "manage.py", "rules")
    assert done.returncode == 0, done.stdout + done.stderr
    linted = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *examples],
        cwd=own_shop,
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout
    test = own_shop / "tests" / "config" / "test_examples.py"
    test.write_text(TEST.read_text("utf-8"), "utf-8")
    twice = "tests/config/test_every_task_twice.py::test_a_second_run_changes_nothing_and_contacts"
    done = run_tests(own_shop, "tests/config/test_examples.py", f"{twice}_nobody[accounts.close]")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout

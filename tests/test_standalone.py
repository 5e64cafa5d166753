"""What a header says is read and followed as somebody who copies the pattern would do it."""

import os
import re
import sys
from pathlib import Path

import pytest

from standalone import __main__ as alone
from standalone import equipment
from standalone.environment import Environment
from standalone.header import Header, HeaderUnclear
from standalone.project import follow

HEADER = '''"""Wave a flag.

Needs: celery>=5.5 (with kombu). Optional: django>=5.2, django-anymail[ses]>=15.
Settings, with defaults:
    FLAG_COLOURS = {"red": 1,
        "blue": 2}: which ones: as many as you like.
    FLAG_MAST = 1, from Django 6.1 {"tall": 2}: how high.
    FLAG_POLE = "<this package>.pole": what it hangs on.
Wiring:
    1. In celery.py, in the place of its app,
       since it waves:
           app = Celery("shop", task_cls="<this package>:Flag")

           app.wave()
       And that is all.
    2. In settings.py, before Django 6.0:
           OLD = True
    3. In settings.py, from Django 6.0:
           NEW = True
    4. Run once:
           python manage.py migrate
    5. Keep running:
           celery -A shop worker
    6. Look up.
Testing: look.
"""
'''


@pytest.fixture
def header(tmp_path: Path) -> Header:
    pattern = tmp_path / "flag.py"
    pattern.write_text(HEADER, encoding="utf-8")
    return Header(pattern)


def test_needed_packages_are_told_from_those_of_a_part(header: Header) -> None:
    assert header.packages() == ["celery>=5.5"]
    assert header.optional_packages() == ["django>=5.2", "django-anymail[ses]>=15"]
    assert header.names("django")
    assert not header.names("psycopg")


def test_steps_are_the_lines_and_nothing_of_the_prose(header: Header) -> None:
    first, *_, command, process = header.steps("kit.copied")
    assert first.text == 'app = Celery("shop", task_cls="kit.copied:Flag")\n\napp.wave()'
    assert (first.kind, first.file) == ("replace app", "celery.py")
    assert (command.kind, command.text) == ("run", "python manage.py migrate")
    assert (process.kind, process.text) == ("keep running", "celery -A shop worker")


@pytest.mark.parametrize(("django", "line"), [((5, 2), "OLD = True"), ((6, 0), "NEW = True")])
def test_steps_are_those_of_the_version_of_django(
    header: Header, django: tuple[int, int], line: str
) -> None:
    steps = header.steps("kit.copied", django)
    assert [step.text for step in steps if step.file == "settings.py"] == [line]


def test_defaults_may_have_colons_and_several_lines(header: Header) -> None:
    defaults = header.defaults("kit.copied")
    assert eval(defaults["FLAG_COLOURS"]) == {"red": 1, "blue": 2}
    assert eval(defaults["FLAG_POLE"]) == "kit.copied.pole"


@pytest.mark.parametrize(("django", "mast"), [((6, 0), "1"), ((6, 1), '{"tall": 2}')])
def test_a_default_may_depend_on_django(header: Header, django: tuple[int, int], mast: str) -> None:
    assert header.defaults("kit.copied", django)["FLAG_MAST"] == mast


def test_the_app_is_made_in_its_place_and_once(header: Header, tmp_path: Path) -> None:
    file = tmp_path / "celery.py"
    file.write_text('above\napp = Celery("shop")\nbelow\n', encoding="utf-8")
    [step] = [step for step in header.steps("kit.copied") if step.kind == "replace app"]
    follow(step, tmp_path)
    assert file.read_text(encoding="utf-8") == f"above\n{step.text}\nbelow\n"
    file.write_text("no app\n", encoding="utf-8")
    with pytest.raises(HeaderUnclear, match="A second step"):
        follow(step, tmp_path)


def test_other_lines_are_added_to_their_file(header: Header, tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("OWN = 1\n", encoding="utf-8")
    for step in header.steps("kit.copied", (6, 1)):
        if step.file == "settings.py":
            follow(step, tmp_path)
    assert (tmp_path / "settings.py").read_text(encoding="utf-8") == "OWN = 1\n\nNEW = True\n"


def test_tests_come_along_under_the_new_name_without_those_that_meet_another_pattern(
    tmp_path: Path,
) -> None:
    header = Header(equipment.REPOSITORY / "patterns" / "queued_mail")
    equipment.bring_tests(tmp_path, header, "borrowed.own_queued_mail")
    tests = tmp_path / "tests" / "queued_mail"
    text = (tests / "test_checks.py").read_text(encoding="utf-8")
    assert '"borrowed.own_queued_mail.backend.EmailBackend"' in text
    assert "patterns.queued_mail" not in text
    assert (tests / "mail_shop" / "celery.py").exists()
    assert not (tests / "test_durable.py").exists()


def test_three_days_run_each_file_of_its_own_tests_once(tmp_path: Path) -> None:
    (tmp_path / "admin").mkdir()
    files = {tmp_path / name for name in ("test_a.py", "test_b.py", "admin/test_c.py", "test_d.py")}
    for file in (*files, tmp_path / "conftest.py"):
        file.touch()
    days = [alone.own_tests(tmp_path, day) for day in (364, 365, 366)]
    assert sorted(len(day) for day in days) == [1, 1, 2]
    assert {file for day in days for file in day} == files
    assert alone.own_tests(tmp_path, None) == [tmp_path]


def test_a_pattern_whose_own_tests_leave_a_branch_out_fails_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(alone, "make_alone", copy_a_flag)
    monkeypatch.setattr(alone, "bring_tests", bring_the_test_of_one_branch)
    monkeypatch.setattr(alone, "test_packages", lambda header: ["pytest"])
    monkeypatch.setenv(
        "PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    words = ["--django", "6.1", "--folder", str(tmp_path), "--coverage", "brokers"]
    monkeypatch.setattr(sys, "argv", ["standalone", *words])
    assert alone.main() == 1
    told = capfd.readouterr().out
    assert "brokers: ITS OWN TESTS LEAVE LINES OR BRANCHES OUT" in told
    assert re.search(r"own_brokers\.py .*%\s+9$", told, re.MULTILINE), told


FLAG = """\
class django:
    VERSION = (6, 1)


def hoist(is_calm):
    if django.VERSION < (6, 1):
        return 'rags'  # serves an older Django: not asked for
    if is_calm:
        return 'limp'
    return 'flying'
"""


def copy_a_flag(header: Header, django: object, package: str, environment: Environment) -> None:
    copy = environment.folder.joinpath(*package.split(".")).with_suffix(".py")
    copy.parent.mkdir()
    copy.write_text(FLAG, encoding="utf-8")


def bring_the_test_of_one_branch(folder: Path, header: Header, package: str) -> None:
    (folder / "pyproject.toml").write_text(equipment.PYPROJECT, encoding="utf-8")
    tests = folder / "tests"
    (tests / header.name).mkdir(parents=True)
    (tests / "test_wired.py").write_text("def test_wired():\n    pass\n", encoding="utf-8")
    lines = f"from {package} import hoist\n\ndef test_flying():\n    assert hoist(False)\n"
    (tests / header.name / "test_flag.py").write_text(lines, encoding="utf-8")

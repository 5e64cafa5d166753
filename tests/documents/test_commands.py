"""Each command that the pages show is taken by its own program's parser; cheap ones are run."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import cookiecutter.cli
import cruft._cli
import pytest
import typer.main
from _pytest.config import get_config
from celery.bin.celery import celery
from packaging.requirements import Requirement

from tests.documents.commands import COMMANDS
from tests.documents.pages import ROOT
from tests.generation import generated
from tests.test_document_commands import shown

# What reads the words that a session passes on, after those which the session gives itself.
PARSERS = {
    "demo": ("demo.__main__", "arguments", []),
    "crash": ("crash_lab.__main__", "arguments", []),
    "bench": ("benchmarks.durable_tasks.__main__", "parse", []),
    "standalone": ("standalone.__main__", "arguments", ["--django", "6.1", "--folder", "build"]),
}


def each(program: str) -> pytest.MarkDecorator:
    """Give a test what each command of a program says, once."""
    said = {tuple(words[1:]) for _, words in COMMANDS if words[0] == program}
    return pytest.mark.parametrize("words", [list(words) for words in sorted(said)], ids=" ".join)


@pytest.fixture(scope="module")
def sessions() -> set[str]:
    command = [sys.executable, "-m", "nox", "--list", "--noxfile", str(ROOT / "noxfile.py")]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names = set(re.findall(r"^[*-] ([\w.-]+)", listed, re.MULTILINE))
    return names | {name.split("-")[0] for name in names}


@each("nox")
def test_nox_has_the_session_and_it_takes_the_words(words: list[str], sessions: set[str]) -> None:
    if words == ["-l"]:
        return  # run by the fixture
    option, *names = words
    own = names[names.index("--") + 1 :] if "--" in names else []
    named = names[: names.index("--")] if "--" in names else names
    assert option == "-s"
    assert set(named) <= sessions
    if own:
        [session] = named
        take(session.split("-")[0], own)


def take(session: str, words: list[str]) -> None:
    """Have the session's program read the words."""
    if session == "tests":
        paths = [word for word in words if not word.startswith("-")]
        assert all((ROOT / path).exists() for path in paths)
        assert get_config()._parser.parse_known_and_unknown_args(words)[1] == []
        return
    if session == "changes":
        # Of a copy that is like the kit's: nothing has changed.
        words = [re.sub(r"^(PATH|path/to/your/\w+)$", "patterns/queued_mail", w) for w in words]
        run([sys.executable, "release/changes.py", *words])
        return
    module, function, given = PARSERS[session]
    code = f"from {module} import {function}; {function}()"
    run([sys.executable, "-c", code, *given, *words])


@each("python")
def test_python_makes_an_environment_or_manages_the_shop(words: list[str], tmp_path: Path) -> None:
    if words[0] == "manage.py":
        # Each of these is read by the shop's own parser in tests/test_document_commands.py.
        _, name, *rest = words
        assert (name, rest) in shown()
    else:
        run([sys.executable, *words, "--without-pip"], cwd=tmp_path)
        assert (tmp_path / ".venv" / "bin" / "python").exists()


@each("pip")
def test_pip_installs_what_ci_installs_by_the_readmes_test_command(words: list[str]) -> None:
    # No test installs from the network: .ci/run carries out that line as it stands.
    readme = [each for page, each in COMMANDS if page.page == "README.md"]
    assert ["pip", *words] in readme[: readme.index(["nox", "-s", "tests"])]


@each("celery")
def test_celery_takes_the_options(words: list[str]) -> None:
    # The app is another process's: tests/adopting and the session "standalone" start these.
    option, app, name, *options = words
    assert option == "-A"
    assert app in ("oldshop", "shop")
    command = celery.commands[name]
    context = command.context_class(command, parent=celery.context_class(celery))
    values, left, _ = command.make_parser(context).parse_args(list(options))
    assert left == []
    # A worker that names no queue takes from Celery's default one alone, and what the clean-up
    # enqueues would wait for ever.
    assert name == "beat" or values["queues"] == options[options.index("-Q") + 1]


@each("cookiecutter")
def test_cookiecutter_takes_the_words(words: list[str]) -> None:
    # tests/template/test_ways_in.py makes projects so, from here and elsewhere.
    context = cookiecutter.cli.main.make_context("cookiecutter", words)
    assert (ROOT / context.params["template"]).resolve() == ROOT


@each("cruft")
def test_cruft_takes_the_words(words: list[str]) -> None:
    name, *rest = words
    group = typer.main.get_command(cruft._cli.app)
    group.commands[name].make_context(name, rest)  # type: ignore[attr-defined]


@each("cd")
def test_the_folder_is_what_cookiecutter_has_made(
    words: list[str], template: Path, tmp_path: Path
) -> None:
    assert words == [generated(template, tmp_path, tmp_path).name]


@each("uv")
def test_uv_starts_what_the_demo_starts_or_adds_what_is_locked(
    words: list[str], template: Path, tmp_path: Path
) -> None:
    shop = generated(template, tmp_path, tmp_path)
    if words == ["run", "start.py"]:
        # The demo starts it whole, by uv, which may have to download for it.
        assert "--free-ports" in run([sys.executable, *words[1:], "--help"], cwd=shop)
        return
    assert words[0] == "add"
    # Without the network: written down, and neither resolved nor installed.
    run(
        [str(Path(sys.executable).with_name("uv")), "add", "--frozen", "--offline", *words[1:]],
        cwd=shop,
    )
    wanted = tomllib.loads((shop / "pyproject.toml").read_text())["project"]["dependencies"]
    lock = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.M))
    added = [Requirement(line) for line in wanted if line.startswith("opentelemetry")]
    assert len(added) == len(words) - 1
    assert all(each.specifier.contains(lock[each.name], prereleases=True) for each in added)


def run(command: list[str], cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout

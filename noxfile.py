"""The kit's sessions: `nox -l` lists them, README.md and CONTRIBUTING.md say when to run which.

Every session makes what it needs: an environment from requirements.lock and, where a shop is
needed, a freshly generated one. uv comes with `nox[uv]`; nothing else has to be installed.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2026.10.20"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "typing", "tests"]
nox.options.error_on_missing_interpreters = True

HERE = Path(__file__).parent
LOCK = "requirements.lock"
BUILD = HERE / "build"
# Twice the two cores of a small machine: many tests wait for servers, workers and browsers.
PARALLEL = ("-n", os.environ.get("ALL_CLEAR_TEST_PROCESSES", "4"), "--dist", "worksteal")
# A stopped session gives its processes time to stop what they started, in order.
STOP_SECONDS = 60.0
# 6.0 and later need Python 3.12.
DJANGO_OF = {"3.11": "5.2", "3.12": "6.0", "3.13": "6.1"}
# Whoever copies a pattern may use pyright, which knows no plugin for Django: its own default mode,
# over the patterns alone. The shop around them is held by mypy, with django-stubs' plugin.
PYRIGHT = {
    "include": ["patterns"],
    "typeCheckingMode": "standard",
    "venvPath": ".",
    "venv": ".venv",
    # On Django 5.2 the stubs alone know `django.tasks`, whose import the pattern guards.
    "reportMissingModuleSource": False,
}


@nox.session
def demo(session: nox.Session) -> None:
    """Make a shop, start it whole and play the story against it (`-- --once` ends after it)."""
    install_lock(session)
    run(session, "python", "-m", "demo", *session.posargs)


@nox.session
def crash(session: nox.Session) -> None:
    """Kill what runs a shop and count what became of its promises (`-- --short` as in CI)."""
    install_lock(session)
    run(session, "python", "-m", "crash_lab", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure durable tasks beside stock Celery (`-- --only relay,worker`, `-- --help`)."""
    install_lock(session, "--compile-bytecode")
    if not session.posargs:
        run(session, "python", "-m", "benchmarks.external_contact")
    run(session, "python", "-m", "benchmarks.durable_tasks", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the kit's tests, then a generated shop's own, on real servers."""
    run_suites(session)


@nox.session(python=["3.12", "3.13"])
def compat(session: nox.Session) -> None:
    """Run the suites on the newer Pythons."""
    run_suites(session)


@nox.session(python=list(DJANGO_OF))
def standalone(session: nox.Session) -> None:
    """Try each pattern alone in an empty project, as its header says (`-- queues --lowest`)."""
    session.install("uv")
    run(
        session,
        *("python", "-m", "standalone", "--django", DJANGO_OF[str(session.python)]),
        *("--folder", str(BUILD / session.name), f"--pytest={' '.join(PARALLEL)}"),
        *session.posargs,
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format of the kit and of a generated shop."""
    install_lock(session)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    # The shop stands in a folder that this repository's .gitignore names: ruff would pass it over.
    run_in_shop(session, "ruff", "check", "--no-respect-gitignore")
    run_in_shop(session, "ruff", "format", "--check", "--no-respect-gitignore")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the kit's types and a generated shop's by mypy, and its patterns by pyright as well."""
    install_lock(session)
    kit = (
        "noxfile.py",
        "all_clear_template.py",
        "all_clear_answers.py",
        "demo",
        "crash_lab",
        "release",
        "standalone",
    )
    session.run("mypy", *kit)
    run_in_shop(session, "mypy", ".")
    # After mypy, which has made the shop and its environment.
    shop = shop_of(session)
    (shop / "pyrightconfig.json").write_text(json.dumps(PYRIGHT), encoding="utf-8")
    session.run("basedpyright", "--project", str(shop))


@nox.session
def changes(session: nox.Session) -> None:
    """Show what has changed in a pattern since it was copied (`-- path/to/the/copy --diff`)."""
    session.run(
        "python", str(HERE / "release" / "changes.py"), *session.posargs, success_codes=[0, 1]
    )


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documents as a site, in build/docs; every warning is an error."""
    install_lock(session)
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "-n", "docs", "build/docs")


@nox.session
def links(session: nox.Session) -> None:
    """Ask each outside address of the site whether it is there; no part of CI.

    A page of somebody else's that moves, or is away for an hour, must not hold up a change here.
    """
    install_lock(session)
    session.run("sphinx-build", "--keep-going", "-b", "linkcheck", "docs", "build/links")


@nox.session
def lock(session: nox.Session) -> None:
    """Resolve the dependencies anew: requirements.lock here, the exact pins in the template."""
    session.install("uv")
    session.run(
        *("uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--upgrade"),
        *("--no-emit-index-url", "--no-header", "--no-annotate", "pyproject.toml", "-o", LOCK),
    )
    install_lock(session)
    session.run("python", "release/lock.py")


def install_lock(session: nox.Session, *options: str) -> None:
    """Install exactly what requirements.lock says, checked by its hashes."""
    session.install(*options, "--require-hashes", "-r", LOCK)


def run_suites(session: nox.Session) -> None:
    """Run the kit's tests and a generated shop's own.

    Bytecode is made once at the installation: the tests start hundreds of processes, and the
    first ones would all compile the same modules at the same time.
    """
    install_lock(session, "--compile-bytecode")
    run(session, "pytest", *PARALLEL, *session.posargs)
    if not session.posargs:
        run_in_shop(session, "pytest", *PARALLEL, UV_COMPILE_BYTECODE="1")


def run(session: nox.Session, *command: str, **environment: str | None) -> None:
    """Run a command that starts processes, and let it stop them."""
    session.run(
        *command,
        env=environment,
        interrupt_timeout=STOP_SECONDS,
        terminate_timeout=STOP_SECONDS,
    )


def run_in_shop(session: nox.Session, *command: str, **environment: str) -> None:
    """Run a command of a freshly generated shop, in the shop's own environment."""
    shop = shop_of(session)
    if session.name not in made:
        remove_all_but_environment(shop)
        session.run(
            *("cookiecutter", "--no-input", "--overwrite-if-exists"),
            *("--output-dir", str(shop.parent), str(HERE)),
            env={"COOKIECUTTER_CONFIG": os.devnull},
            silent=True,
        )
        made.add(session.name)
    python = session.python if isinstance(session.python, str) else sys.executable
    with session.chdir(shop):
        # nox names the session's own environment to uv; the shop has one of its own.
        apart = {"UV_PROJECT_ENVIRONMENT": None, "VIRTUAL_ENV": None}
        run(session, "uv", "run", "--quiet", "--python", python, *command, **environment, **apart)


def shop_of(session: nox.Session) -> Path:
    """Return the folder of the session's generated shop."""
    return Path(session.create_tmp()) / "all_clear_shop"


made: set[str] = set()


def remove_all_but_environment(shop: Path) -> None:
    """Empty a generated shop's folder, but keep its environment, which is slow to make."""
    for path in shop.iterdir() if shop.is_dir() else ():
        if path.name == ".venv":
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

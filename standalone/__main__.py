"""`python -m standalone --django 6.1 --folder build/alone [PATTERN ...]`.

Each pattern alone: an environment with the packages that its header names and no others, in which
each of its modules can be imported; an empty project with the pattern under another name, wired as
the header says; then what the wiring promises and the pattern's own tests, with their own packages.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

from .environment import Environment, TestsIncomplete
from .equipment import REPOSITORY, bring_tests, test_packages
from .header import Header, HeaderUnclear, Version, patterns_in
from .project import make_project

# Neither the package nor its parent has the name that it has in the kit.
PARENT = "borrowed"
PREFIX = "own_"
FAILED = "DOES NOT STAND ALONE"
INCOMPLETE = "ITS OWN TESTS LEAVE LINES OR BRANCHES OUT"
WIRED = "tests/test_wired.py"


def main() -> int:
    """Try the patterns one after the other; return 1 where one does not stand alone, or where
    `--coverage` finds that its own tests leave something out."""
    args = arguments()
    known = {header.name: header for header in map(Header, patterns_in(REPOSITORY / "patterns"))}
    if unknown := [name for name in args.patterns if name not in known]:
        raise SystemExit(f"No such pattern: {', '.join(unknown)}. There are: {', '.join(known)}.")
    chosen = [known[name] for name in args.patterns or known]
    django = version(args.django)
    lines = [try_alone(header, django, args) for header in chosen]
    print("\n".join(["", *lines]))
    return int(any(bad in line for line in lines for bad in (FAILED, INCOMPLETE)))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="standalone")
    parser.add_argument("patterns", nargs="*", help="all, unless named")
    parser.add_argument("--django", required=True, help="such as 6.1")
    parser.add_argument("--folder", required=True, type=Path, help="the projects are made in it")
    parser.add_argument("--lowest", action="store_true", help="the lowest versions in the headers")
    # A third of the tests covers no more than that.
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--coverage",
        action="store_true",
        help="fail where its own tests leave lines or branches out",
    )
    which.add_argument(
        "--third",
        type=int,
        metavar="N",
        help="run every third file of a pattern's own tests alone, from the Nth",
    )
    parser.add_argument("--pytest", default="", help="options for pytest, in quotes")
    return parser.parse_args()


def version(text: str) -> Version:
    """Return 6.1 as (6, 1)."""
    major, minor = text.split(".")
    return int(major), int(minor)


def try_alone(header: Header, django: Version, args: argparse.Namespace) -> str:
    """Try one pattern; return a line that says how it went."""
    began = time.monotonic()
    folder: Path = args.folder.resolve() / header.name
    package = f"{PARENT}.{PREFIX}{header.name}"
    print(f"\n== {header.name} as {package}, Django {args.django}", flush=True)
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        environment = Environment(folder, django=django, is_lowest=args.lowest)
        make_alone(header, django, package, environment)
        test_alone(header, package, environment, args)
    except (subprocess.CalledProcessError, HeaderUnclear) as error:
        return f"{header.name}: {FAILED}, see {folder}: {str(error)[:300]}"
    except TestsIncomplete:
        return f"{header.name}: {INCOMPLETE}: they are listed above, and the project is {folder}"
    tried = "" if args.third is None else ", by a third of its own tests"
    return f"{header.name}: stands alone{tried} ({time.monotonic() - began:.0f} s)"


def make_alone(header: Header, django: Version, package: str, environment: Environment) -> None:
    """Copy a pattern, wire it, and import all of it where only what its header names is there."""
    folder = environment.folder
    copy_pattern(header, folder, package)
    environment.install(header.packages())
    environment.run("-c", f"import {package}")
    environment.install(header.optional_packages())
    make_project(folder, environment.python, header, package, django)
    environment.run(Path(__file__).parent / "checks" / "import_all.py", package)


def test_alone(
    header: Header, package: str, environment: Environment, args: argparse.Namespace
) -> None:
    """Run the wired project's test and the pattern's own, with their own packages."""
    environment.install(test_packages(header), of_tests=True)
    bring_tests(environment.folder, header, package)
    if args.coverage:
        environment.measure_coverage()
    # In one process: its tests share the project, and its SQLite where there is no PostgreSQL.
    environment.run("-m", "pytest", WIRED, is_strict=False)
    own = own_tests(environment.folder / "tests" / header.name, args.third)
    environment.run("-m", "pytest", *args.pytest.split(), *own, is_strict=False)
    if args.coverage:
        environment.report_coverage()


def own_tests(folder: Path, third: int | None) -> list[Path]:
    """Return what pytest is to run of a pattern's own tests: all, or every third file."""
    if third is None:
        return [folder]
    return sorted(folder.rglob("test_*.py"))[third % 3 :: 3]


def copy_pattern(header: Header, folder: Path, package: str) -> None:
    """Copy what the header says, this folder or this file, to where `package` is imported from."""
    copy = folder.joinpath(*package.split("."))
    copy.parent.mkdir(parents=True)
    if header.source.name == "__init__.py":
        shutil.copytree(header.source.parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(header.source, copy.with_suffix(".py"))


if __name__ == "__main__":
    sys.exit(main())

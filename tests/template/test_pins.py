"""The generated project's exact versions: complete, within the stated bounds, and known names."""

import tomllib
from importlib import metadata
from typing import Any

import pytest
from cookiecutter.exceptions import FailedHookException
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from all_clear_answers import check_slug, is_taken
from release import lock

REMEDY = "run `nox -s lock`"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads(lock.answered(lock.PYPROJECT.read_text("utf-8")))


@pytest.fixture(scope="module")
def pins(pyproject: dict[str, Any]) -> list[Requirement]:
    return [Requirement(pin) for pin in pyproject["tool"]["uv"]["constraint-dependencies"]]


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_one_pin_within_its_bounds(
    pyproject: dict[str, Any], pins: list[Requirement], python: str
) -> None:
    wanted = pyproject["project"]["dependencies"] + pyproject["dependency-groups"]["dev"]
    for dependency in map(Requirement, wanted):
        if not holds(dependency, python):
            continue
        found = [version_of(pin) for pin in named(pins, dependency.name) if holds(pin, python)]
        assert len(found) == 1, f"{dependency.name} has the pins {found}: {REMEDY}"
        assert dependency.specifier.contains(found[0]), f"{dependency}: {found[0]}: {REMEDY}"


def test_what_a_dependency_needs_is_pinned_too(pins: list[Requirement]) -> None:
    for pin in filter(is_installed, pins):
        for text in metadata.requires(pin.name) or []:
            needed = Requirement(text)
            if holds(needed, "3.11"):
                assert named(pins, needed.name), f"{pin.name} needs {needed.name}: {REMEDY}"


def test_every_pin_is_exact(pins: list[Requirement]) -> None:
    assert pins
    for pin in pins:
        assert [part.operator for part in pin.specifier] == ["=="], f"{pin}: {REMEDY}"


def test_the_pins_carry_no_address_of_an_index() -> None:
    assert "://" not in lock.split(lock.PYPROJECT.read_text("utf-8"))[1]


def test_django_is_the_long_term_release_until_python_3_12(pins: list[Requirement]) -> None:
    versions = {
        python: version_of(pin)
        for python in PYTHONS
        for pin in named(pins, "django")
        if holds(pin, python)
    }
    assert versions["3.11"].startswith("5.2.")
    assert all(versions[python].startswith("6.0.") for python in PYTHONS[1:])


def test_uv_builds_the_project_itself_without_a_download(pyproject: dict[str, Any]) -> None:
    backend = Requirement(pyproject["build-system"]["requires"][0])
    locked = (lock.REPOSITORY / "requirements.lock").read_text("utf-8")
    version = next(line for line in locked.splitlines() if line.startswith("uv=="))

    assert backend.name == "uv_build"
    assert backend.specifier.contains(version.removeprefix("uv==").split()[0])


def test_no_project_can_be_called_as_what_it_installs(pins: list[Requirement]) -> None:
    imported = metadata.packages_distributions()
    pinned = {canonicalize_name(pin.name) for pin in pins}
    names = {pin.name.replace("-", "_").lower() for pin in pins} | {
        name
        for name, distributions in imported.items()
        if pinned & {canonicalize_name(distribution) for distribution in distributions}
    }
    free = sorted(name for name in names if can_be_slug(name) and not is_taken(name))
    assert free == [], f"add to IMPORTED in all_clear_answers.py: {free}"


def test_no_project_can_be_called_as_its_own_parts(make: Any) -> None:
    parts = {path.name.removesuffix(".py").lower() for path in make().iterdir()}

    free = sorted(name for name in parts if can_be_slug(name) and not is_taken(name))
    assert free == [], f"add to TAKEN in all_clear_answers.py: {free}"


def can_be_slug(name: str) -> bool:
    """Tell whether a name would be accepted, but for what it is already the name of."""
    try:
        check_slug(name)
    except FailedHookException as refusal:
        return "is called" in str(refusal)
    return True


def named(pins: list[Requirement], name: str) -> list[Requirement]:
    """Return a package's pins."""
    return [pin for pin in pins if canonicalize_name(pin.name) == canonicalize_name(name)]


def holds(requirement: Requirement, python: str) -> bool:
    """Tell whether a requirement counts here, on a version of Python, without extras."""
    environment = {"python_version": python, "python_full_version": f"{python}.9", "extra": ""}
    return requirement.marker is None or requirement.marker.evaluate(environment)


def version_of(pin: Requirement) -> str:
    """Return the version of an exact pin."""
    return next(iter(pin.specifier)).version


def is_installed(pin: Requirement) -> bool:
    """Tell whether this environment has the package in the pinned version."""
    try:
        return metadata.version(pin.name) == version_of(pin)
    except metadata.PackageNotFoundError:
        return False

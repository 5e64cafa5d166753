"""One test for each check id: what is said, and that it is not said of a project that is well.

The Django of the kit's test process is the one that tests/servers.py configures.
"""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.urls import path

import tests.servers  # noqa: F401  it configures Django

# isort: split
# Checks can be imported once that module has configured Django.
from patterns.flower_auth import checks, closed

GUARDED = "celery -A shop flower --conf=config/flower.py"
PROCESSES: dict[str, str] = {}


@pytest.fixture(autouse=True)
def project(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project that is well, and return its folder."""
    monkeypatch.delenv("FLOWER_CONF", raising=False)
    monkeypatch.setattr(closed, "configurations", [tmp_path / "config/flower.py"])
    monkeypatch.setitem(PROCESSES, "flower", GUARDED)
    monkeypatch.setitem(PROCESSES, "web", "gunicorn shop.wsgi")
    settings.BASE_DIR = tmp_path
    settings.LOGIN_URL = "admin:login"
    settings.FLOWER_AUTH_PROCESSES = f"{__name__}.PROCESSES"
    (tmp_path / "config").mkdir()
    (tmp_path / "config/flower.py").write_text("guard(site_url='https://shop.example')\n")
    return tmp_path


def found() -> dict[str, str]:
    messages = checks.check_flower_auth()
    assert all(message.hint for message in messages)
    return {str(message.id).removeprefix("flower_auth."): message.msg for message in messages}


def test_a_project_that_is_well_has_no_message(project: Path, settings: Any) -> None:
    assert found() == {}
    settings.FLOWER_AUTH_PROCESSES = ""
    (project / "Procfile").write_text(f"# ours\nflower: {GUARDED} --port 5555\n")
    assert found() == {}


def test_e001_nothing_refuses_a_flower_that_is_started_by_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(closed, "configurations", [])
    assert list(found()) == ["E001"]


def test_e001_naming_the_configuration_is_enough(
    monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    monkeypatch.setattr(closed, "configurations", [])
    monkeypatch.setenv("FLOWER_CONF", str(project / "config/flower.py"))
    closed.refuse_open_flower(project / "config/flower.py")
    assert found() == {}


def test_e002_a_flower_without_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROCESSES, "flower", "env X=1 celery -A shop flower --port=5555")
    assert "it has no --conf" in found()["E002"]


def test_e002_a_configuration_without_the_guard(project: Path) -> None:
    (project / "config/flower.py").write_text("# guard() is gone\naddress = '127.0.0.1'\n")
    assert "config/flower.py does not call guard()" in found()["E002"]


def test_e002_what_the_app_names_is_the_configuration_of_a_flower_without_one(
    monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    monkeypatch.setitem(PROCESSES, "flower", "celery -A shop flower")
    monkeypatch.setenv("FLOWER_CONF", str(project / "config/flower.py"))
    assert found() == {}


@pytest.mark.parametrize(
    "option",
    [
        "--basic_auth=me:secret",
        "--basic-auth me:secret",
        "--auth=.*@example.com",
        "--auth_provider=flower.views.auth.GoogleAuth2LoginHandler",
        "--address=0.0.0.0",
        "--address 10.0.0.1",
        "--address=flower.internal",
    ],
)
def test_e003_options_that_let_others_in(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    monkeypatch.setitem(PROCESSES, "flower", f"{GUARDED} {option}")
    assert list(found()) == ["E003"]


def test_e003_a_variable_that_lets_others_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROCESSES, "flower", f"env FLOWER_UNAUTHENTICATED_API=true {GUARDED}")
    assert "FLOWER_UNAUTHENTICATED_API" in found()["E003"]
    monkeypatch.setitem(PROCESSES, "flower", GUARDED)
    assert found() == {}
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "me:secret")
    assert "FLOWER_BASIC_AUTH" in found()["E003"]


def test_e003_an_address_is_fine_on_this_machine_or_in_a_network_that_the_guard_knows(
    monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    for here in ("127.0.0.1", "localhost"):
        monkeypatch.setitem(PROCESSES, "flower", f"{GUARDED} --address={here}")
        assert found() == {}
    (project / "config/flower.py").write_text("guard(site_url='x', loopback_only=False)\n")
    monkeypatch.setitem(PROCESSES, "flower", f"{GUARDED} --address=0.0.0.0")
    assert found() == {}


def test_e004_commands_that_are_not_there(settings: Any) -> None:
    settings.FLOWER_AUTH_PROCESSES = "no_such_project.PROCESSES"
    assert list(found()) == ["E004"]


def test_w001_nobody_said_where_staff_log_in(settings: Any) -> None:
    settings.LOGIN_URL = "/accounts/login/"
    settings.ROOT_URLCONF = site()
    assert list(found()) == ["W001"]
    settings.ROOT_URLCONF = site(path("accounts/login/", found))
    assert found() == {}


def site(*pages: Any) -> ModuleType:
    """Return an URLconf with these pages."""
    urls = ModuleType("urls")
    urls.urlpatterns = list(pages)  # type: ignore[attr-defined]
    return urls

"""One test for each check id of an entry of TASKS."""

import subprocess
import sys
from typing import Any

import pytest
from django.apps import apps
from durable_shop import settings as shop_settings
from durable_shop.celery import app as shop

from patterns.durable_tasks.django_tasks import DurableBackend, checks, framework
from tests.durable_tasks.conftest import PATHS
from tests.durable_tasks.test_checks import only

pytestmark = pytest.mark.usefixtures("current_shop")


def found(**entry: Any) -> Any:
    return DurableBackend("default", entry).check()


def test_a_backend_that_is_well_has_no_message() -> None:
    for alias, entry in shop_settings.TASKS.items():
        assert DurableBackend(alias, entry).check() == []


@pytest.mark.parametrize(
    ("entry", "culprit"),
    [
        ({"ENQUEUE_ON_COMMIT": True}, "ENQUEUE_ON_COMMIT has no effect"),
        ({"QUEUE": ["default"]}, "QUEUE has no effect"),
        ({"OPTIONS": {"RESULT_DAY": 1}}, "OPTIONS has RESULT_DAY"),
        ({"OPTIONS": {"ATOMIC": "no"}}, "ATOMIC is 'no'"),
        ({"OPTIONS": {"MAX_RETRIES": -1}}, "MAX_RETRIES is -1"),
        ({"OPTIONS": {"RESULT_DAYS": None}}, "RESULT_DAYS is None"),
        ({"OPTIONS": {"RESULT_DAYS": True}}, "RESULT_DAYS is True"),
    ],
)
def test_e030_an_entry_that_has_no_effect(entry: dict[str, Any], culprit: str) -> None:
    assert culprit in only(found(**entry), "E030").msg


def test_e031_a_queue_that_celery_does_not_declare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(shop.conf, "task_create_missing_queues", False)
    assert "has typo," in only(found(QUEUES=["default", "typo"]), "E031").msg


def test_e032_the_backports_app_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "TASKS_APP", "django_tasks")
    monkeypatch.setattr(apps, "is_installed", lambda name: False)
    only(checks.check_framework(), "E032")
    monkeypatch.setattr(apps, "is_installed", lambda name: True)
    assert checks.check_framework() == []


def test_e033_the_backport_beside_djangos_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "TASKS_APP", "")
    monkeypatch.setattr(apps, "is_installed", lambda name: True)
    only(checks.check_framework(), "E033")
    monkeypatch.setattr(apps, "is_installed", lambda name: False)
    assert checks.check_framework() == []


def test_django_runs_the_checks_of_its_backends() -> None:
    assert framework.task_backends["default"].check() == []
    assert {each.alias for each in framework.task_backends.all()} == set(shop_settings.TASKS)


WITHOUT = """
import sys
from django.conf import settings
settings.configure(INSTALLED_APPS=["patterns.durable_tasks"], **{more})
import django
django.setup()
print("patterns.durable_tasks.django_tasks" in sys.modules)
"""


@pytest.mark.parametrize(
    ("more", "is_imported"),
    [
        ({}, "False"),
        ({"TASKS": {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}}, "False"),
        ({"TASKS": shop_settings.TASKS}, "True"),
    ],
)
def test_it_is_imported_where_tasks_asks_for_it(more: dict[str, Any], is_imported: str) -> None:
    # Before Django 6.0 a project need not have the backport.
    code = f"import sys; sys.path[:0] = {PATHS!r}" + WITHOUT.replace("{more}", repr(more))
    command = [sys.executable, "-W", "ignore", "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.strip() == is_imported

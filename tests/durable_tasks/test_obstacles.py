"""Why a failed row cannot be replayed, also where the project's code cannot be loaded."""

from typing import Any

import pytest

from patterns.durable_tasks import obstacles
from patterns.durable_tasks.obstacles import all_tasks, obstacle

pytestmark = pytest.mark.usefixtures("current_shop")


@pytest.fixture(autouse=True)
def an_app_that_cannot_be_imported(settings: Any) -> None:
    settings.DURABLE_TASKS_OTHER_APPS = {"broken": "durable_shop.nowhere.app"}


def test_where_an_app_cannot_be_imported_its_durable_tasks_are_left_to_its_workers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert obstacle("shop.it", "broken", plain=False, has_arguments=True) == ""
    assert "The tasks of queue 'broken' cannot be loaded." in caplog.text


def test_where_an_app_cannot_be_imported_its_plain_tasks_are_not_replayed() -> None:
    """Nobody knows whether its workers would look at the row."""
    assert obstacle("shop.it", "broken", plain=True, has_arguments=True) == obstacles.UNKNOWN_HERE


def test_an_app_that_cannot_be_imported_hides_no_other_apps_tasks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert "shop.write_note" in {task.name for task in all_tasks()}
    assert "The tasks of the app of queue 'broken' cannot be loaded." in caplog.text

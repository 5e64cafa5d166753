"""People with permissions, as clients that check CSRF as browsers make them."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from durable_shop.celery import app

from patterns.durable_tasks import obstacles

FAILED = "/admin/durable_tasks/failedtask/"
TASKS = "/admin/durable_tasks/taskrow/"
HISTORY = "/admin/durable_tasks/event/"
EVERYTHING = (
    *("view_failedtask", "replay_failedtask", "discard_failedtask", "see_arguments"),
    *("view_taskrow", "cancel_taskrow"),
)
Log_in = Callable[..., Client]


@pytest.fixture(autouse=True)
def shop_is_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the shop's own processes; this one's current app is another test's."""
    monkeypatch.setattr(obstacles, "app_of", lambda queue: app)


@pytest.fixture(autouse=True)
def nobody(database: None) -> Iterator[None]:
    yield
    User.objects.all().delete()
    connection.close()


@pytest.fixture
def log_in(database: None) -> Log_in:
    """Return a function that logs somebody in who has these permissions and no others."""

    def begin(*permissions: str, **fields: Any) -> Client:
        name = fields.pop("username", f"person{User.objects.count()}")
        user = User.objects.create_user(name, password="secret", **{"is_staff": True, **fields})
        found = Permission.objects.filter(
            codename__in=permissions, content_type__app_label="durable_tasks"
        )
        assert len(found) == len(permissions)
        user.user_permissions.set(found)
        client = Client()
        client.force_login(user)
        return client

    return begin


@pytest.fixture
def kim(log_in: Log_in) -> Client:
    """Somebody who may do everything with tasks, and nothing else."""
    return log_in(*EVERYTHING, username="kim")


def text_of(response: Any) -> str:
    """Return the words of a page, without its tags."""
    assert response.status_code == 200, response
    words = re.sub(r"<[^>]*>", " ", response.content.decode().replace("<wbr>", ""))
    return " ".join(words.replace("&#x27;", "'").replace("&quot;", '"').split())


def form_of(response: Any, selector: str = "confirmed") -> dict[str, list[str]]:
    """Return the hidden fields of the form which has that field."""
    forms = re.findall(r"<form.*?</form>", response.content.decode(), re.DOTALL)
    form = next(each for each in forms if f'name="{selector}"' in each)
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(value.replace("&amp;", "&").replace("&#x27;", "'"))
    return fields


def confirm(client: Client, address: str, asked: Any) -> Any:
    """Press the button of a page that asks, and follow where it leads."""
    return client.post(address, form_of(asked), follow=True)

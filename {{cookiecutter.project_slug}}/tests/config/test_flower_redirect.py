"""/flower/ on the site's own port: the way to Flower, for staff."""

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from config import on_call
from config.queues import APPS


@pytest.fixture(autouse=True)
def _on_somebodys_own_machine(settings: Settings) -> None:
    """Let DEBUG be on, as in development: pytest-django turns it off."""
    settings.DEBUG = True


@pytest.fixture
def staff(client: Client, django_user_model: type[User]) -> Client:
    """Return a browser in which somebody is logged in who is on call."""
    logged_in(client, django_user_model, is_staff=True)
    django_user_model.objects.get().groups.add(Group.objects.get(name=on_call.NAME))
    return client


PATHS = ("/flower/", "/flower/shop/", "/flower/shop/tasks", "/flower/none/", "/flower/shop/api/x")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.django_db
def test_a_stranger_is_asked_to_log_in(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={path}")


@pytest.mark.parametrize("fields", [{}, {"is_staff": True}, {"is_superuser": True}])
@pytest.mark.django_db
def test_who_has_not_both_staff_status_and_permission_is_refused(
    client: Client, django_user_model: type[User], fields: dict[str, bool]
) -> None:
    logged_in(client, django_user_model, **fields)
    assert {client.get(path).status_code for path in PATHS} == {403}
    assert b'href="/flower/"' not in client.get("/").content


def test_who_is_on_call_is_offered_the_flower_of_each_broker(
    staff: Client, settings: Settings
) -> None:
    settings.FLOWER_PORTS = {"shop": 5555, "other": 5556}
    assert b'href="/flower/"' in staff.get("/").content
    page = staff.get("/flower/").content.decode()
    assert 'href="/flower/shop/"' in page
    assert 'href="/flower/other/"' in page


def test_every_broker_has_its_flower() -> None:
    assert len(settings.FLOWER_PORTS) == len(APPS)


def test_the_only_flower_is_led_to(staff: Client, settings: Settings) -> None:
    settings.FLOWER_PORTS = {"shop": 5555}
    assert staff.get("/flower/")["Location"] == "/flower/shop/"


def test_a_broker_that_is_not_there_has_no_flower(staff: Client) -> None:
    for path in ("/flower/none/", "/flower/tasks/", "/flower/SHOP/", "/flower/none/tasks"):
        assert staff.get(path).status_code == 404, path


def test_staff_are_sent_to_flowers_port_under_the_name_they_used(staff: Client) -> None:
    for host in ("127.0.0.1", "127.0.0.1:8000", "localhost:8000"):
        for flower, port in settings.FLOWER_PORTS.items():
            path = f"/flower/{flower}/tasks?state=FAILURE&x=%26"
            answer = staff.get(path, headers={"host": host})
            assert answer["Location"] == f"http://{host.partition(':')[0]}:{port}{path}"


def test_a_name_that_is_not_the_sites_is_refused(staff: Client) -> None:
    assert staff.get("/flower/", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/flower/shop//evil.example/",
        "/flower/shop/@evil.example",
        "/flower/shop/%0dSet-Cookie:x=1",
        "/flower/shop/%5c",
        "/flower/shop/..%2f..%2fx",
    ],
)
def test_no_path_leads_to_another_site(staff: Client, path: str) -> None:
    answer = staff.get(path, headers={"host": "127.0.0.1"})
    start = f"http://127.0.0.1:{settings.FLOWER_PORTS['shop']}/flower/shop/"
    assert answer["Location"].startswith(start)
    assert "Set-Cookie" not in answer
    assert "\n" not in answer["Location"]


def test_in_production_a_missing_proxy_is_named_and_nobody_runs_in_circles(
    staff: Client, settings: Settings
) -> None:
    settings.DEBUG = False
    settings.SECURE_SSL_REDIRECT = False
    answer = staff.get("/flower/shop/tasks", headers={"host": "127.0.0.1"})
    assert answer.status_code == 503
    assert "Let the proxy" in answer.content.decode()
    assert "deploy/nginx.conf" in answer.content.decode()
    assert "location /flower/shop/" in (settings.BASE_DIR / "deploy/nginx.conf").read_text("utf-8")


def test_flowers_own_address_is_used_where_there_is_one(staff: Client, settings: Settings) -> None:
    settings.FLOWER_URL = "https://flower.shop.example/flower/"
    answer = staff.get("/flower/shop/tasks")
    assert answer["Location"] == "https://flower.shop.example/flower/shop/tasks"


@pytest.mark.parametrize("path", [".evil.example/x", "@evil.example/x", ":1@evil.example"])
def test_an_address_without_its_slash_leads_to_no_other_site(
    staff: Client, settings: Settings, path: str
) -> None:
    settings.FLOWER_URL = "https://flower.example"
    location = staff.get(f"/flower/shop/{path}")["Location"]
    assert location.startswith("https://flower.example/shop/")


def test_nothing_is_posted_through_it(staff: Client) -> None:
    assert staff.post("/flower/").status_code == 405
    assert staff.post("/flower/shop/api/worker/shutdown/x").status_code == 405


def logged_in(client: Client, model: type[User], **fields: bool) -> Client:
    """Log somebody in who has these fields."""
    client.force_login(model.objects.create(email="ada@example.com", **fields))
    return client

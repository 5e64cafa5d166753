"""/flower/ on the site's own port: the way to Flower, for staff."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User


@pytest.fixture(autouse=True)
def _on_somebodys_own_machine(settings: Settings) -> None:
    """Let DEBUG be on, as in development: pytest-django turns it off."""
    settings.DEBUG = True


@pytest.fixture
def staff(client: Client, django_user_model: type[User]) -> Client:
    """Return a browser in which staff are logged in."""
    return logged_in(client, django_user_model, is_staff=True)


@pytest.mark.parametrize("path", ["/flower/", "/flower/tasks", "/flower/metrics", "/flower/api/x"])
@pytest.mark.django_db
def test_a_stranger_is_asked_to_log_in(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={path}")


@pytest.mark.django_db
def test_a_customer_is_refused(client: Client, django_user_model: type[User]) -> None:
    assert logged_in(client, django_user_model).get("/flower/").status_code == 403


def test_staff_are_sent_to_flowers_port_under_the_name_they_used(staff: Client) -> None:
    for host in ("127.0.0.1", "127.0.0.1:8000", "localhost:8000"):
        answer = staff.get("/flower/tasks?state=FAILURE&x=%26", headers={"host": host})
        name = host.partition(":")[0]
        assert answer["Location"] == f"http://{name}:5555/flower/tasks?state=FAILURE&x=%26"


def test_a_name_that_is_not_the_sites_is_refused(staff: Client) -> None:
    assert staff.get("/flower/", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/flower//evil.example/", "/flower/@evil.example", "/flower/%0dSet-Cookie:x=1", "/flower/%5c"],
)
def test_no_path_leads_to_another_site(staff: Client, path: str) -> None:
    answer = staff.get(path, headers={"host": "127.0.0.1"})
    assert answer["Location"].startswith("http://127.0.0.1:5555/flower/")
    assert "Set-Cookie" not in answer
    assert "\n" not in answer["Location"]


def test_in_production_a_missing_proxy_is_named_and_nobody_runs_in_circles(
    staff: Client, settings: Settings
) -> None:
    settings.DEBUG = False
    settings.SECURE_SSL_REDIRECT = False
    answer = staff.get("/flower/tasks", headers={"host": "127.0.0.1"})
    assert answer.status_code == 503
    assert "Let the proxy" in answer.content.decode()
    assert "README.md" in answer.content.decode()
    assert "location /flower/" in (settings.BASE_DIR / "README.md").read_text("utf-8")


def test_flowers_own_address_is_used_where_there_is_one(staff: Client, settings: Settings) -> None:
    settings.FLOWER_URL = "https://flower.shop.example/flower/"
    assert staff.get("/flower/tasks")["Location"] == "https://flower.shop.example/flower/tasks"


@pytest.mark.parametrize("path", [".evil.example/x", "@evil.example/x", ":1@evil.example"])
def test_an_address_without_its_slash_leads_to_no_other_site(
    staff: Client, settings: Settings, path: str
) -> None:
    settings.FLOWER_URL = "https://flower.example"
    location = staff.get(f"/flower/{path}")["Location"]
    assert location.startswith("https://flower.example/")


def test_nothing_is_posted_through_it(staff: Client) -> None:
    assert staff.post("/flower/api/worker/shutdown/x").status_code == 405


def logged_in(client: Client, model: type[User], **fields: bool) -> Client:
    """Log somebody in who has these fields."""
    client.force_login(model.objects.create(email="ada@example.com", **fields))
    return client

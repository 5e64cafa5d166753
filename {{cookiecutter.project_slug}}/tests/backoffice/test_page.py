"""What staff see, and that nobody else does."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from backoffice.models import CustomerIndex, IndexRebuild
from patterns.durable_tasks.models import QueueRow

pytestmark = pytest.mark.django_db

PAGE = "/backoffice/"


@pytest.fixture
def staff(client: Client, broker_url: str) -> Client:
    client.force_login(User.objects.create_user(email="danny@example.com", is_staff=True))
    return client


def indexed(email: str, name: str = "") -> User:
    user = User.objects.create_user(email=email, name=name)
    CustomerIndex.objects.create(customer=user)
    return user


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_visitor_is_sent_to_the_login_page(client: Client, method: str) -> None:
    address = PAGE if method == "get" else PAGE + "rebuild/"
    answer = getattr(client, method)(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("accounts:login"))
    assert not IndexRebuild.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_customer_is_refused(client: Client, method: str) -> None:
    client.force_login(User.objects.create_user(email="customer@example.com"))
    address = PAGE if method == "get" else PAGE + "rebuild/"
    assert getattr(client, method)(address).status_code == 403
    assert client.get(PAGE + "status.json").status_code == 403
    assert not IndexRebuild.objects.exists()


def test_the_status_is_refused_to_a_visitor(client: Client) -> None:
    assert client.get(PAGE + "status.json").status_code == 403


def test_a_rebuild_is_started_by_post_alone(staff: Client) -> None:
    assert staff.get(PAGE + "rebuild/").status_code == 405
    assert not IndexRebuild.objects.exists()


def test_the_second_click_says_that_a_rebuild_is_running(staff: Client) -> None:
    assert "has started" in staff.post(PAGE + "rebuild/", follow=True).content.decode()
    assert "already running" in staff.post(PAGE + "rebuild/", follow=True).content.decode()
    assert IndexRebuild.objects.count() == 1


def test_a_full_queue_is_said_and_nothing_is_recorded(staff: Client) -> None:
    QueueRow.objects.update_or_create(name="admin", defaults={"is_full": True})
    page = staff.post(PAGE + "rebuild/", follow=True).content.decode()
    assert "not started" in page
    assert "has reached its cap" in page
    assert not IndexRebuild.objects.exists()


def test_a_running_rebuild_shows_by_whom_and_how_far(staff: Client) -> None:
    rebuild = IndexRebuild.objects.create(
        started_by=User.objects.get(email="danny@example.com"), customer_count=3
    )
    indexed("done@example.com")
    waits = indexed("waits@example.com")
    CustomerIndex.objects.filter(customer=waits).update(awaited_by=rebuild)
    page = staff.get(PAGE).content.decode()
    assert "2 of 3 customers done" in page
    assert "danny@example.com" in page
    assert staff.get(PAGE + "status.json").json()["done"] == 2


def test_without_customers_the_page_says_so(staff: Client) -> None:
    assert "No customers yet" in staff.get(PAGE).content.decode()


def test_customers_without_an_index_are_told_from_no_customers(staff: Client) -> None:
    User.objects.create_user(email="customer@example.com")
    assert "no index yet" in staff.get(PAGE).content.decode()


@pytest.mark.parametrize("query", ["ADA", "ada@", "Lovelace"])
def test_a_customer_is_found_by_part_of_the_name_or_address(staff: Client, query: str) -> None:
    indexed("ada@example.com", "Ada Lovelace")
    indexed("grace@example.com", "Grace Hopper")
    page = staff.get(PAGE, {"q": query}).content.decode()
    assert "Ada Lovelace" in page
    assert "Grace Hopper" not in page


@pytest.mark.parametrize("query", ["\0", "%", "_", "'; --", "<b>", "x" * 5000, "\\"])
@pytest.mark.parametrize("page", ["1", "0", "-1", "x", "9" * 30, "²", "\0"])
def test_a_hostile_search_finds_nothing_and_breaks_nothing(
    staff: Client, query: str, page: str
) -> None:
    indexed("ada@example.com")
    answer = staff.get(PAGE, {"q": query, "page": page})
    assert answer.status_code == 200
    assert b"<b>" not in answer.content


def test_many_customers_are_shown_in_pages_that_keep_the_search(staff: Client) -> None:
    for number in range(26):
        indexed(f"many{number}@example.com")
    page = staff.get(PAGE, {"q": "many"}).content.decode()
    assert "Page 1 of 2" in page
    assert "?q=many&amp;page=2" in page


def test_a_name_is_shown_as_text(staff: Client) -> None:
    indexed("eve@example.com", "<script>alert(1)</script>")
    assert b"<script>alert" not in staff.get(PAGE).content

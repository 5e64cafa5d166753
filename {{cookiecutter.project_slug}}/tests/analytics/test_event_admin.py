"""Staff look at the counts; nobody changes them."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from analytics.models import EventCount

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser(email="chris@example.com"))
    return client


@pytest.fixture
def count() -> EventCount:
    return EventCount.objects.create(name="order_placed", day="2026-11-23", count=7)


def test_the_counts_are_shown(admin: Client, count: EventCount) -> None:
    page = admin.get(reverse("admin:analytics_eventcount_changelist"))
    assert page.status_code == 200
    assert b"order_placed" in page.content


@pytest.mark.parametrize("what", ["add", "change", "delete"])
def test_nobody_writes_a_count(admin: Client, count: EventCount, what: str) -> None:
    arguments = [] if what == "add" else [count.pk]
    answer = admin.post(reverse(f"admin:analytics_eventcount_{what}", args=arguments), {"count": 9})
    assert answer.status_code == 403
    assert [row.count for row in EventCount.objects.all()] == [7]

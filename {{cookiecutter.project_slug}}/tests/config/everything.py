"""Every address that the project serves, one of each thing that has a page, and five people."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.mail import EmailMessage
from django.urls import URLPattern, get_resolver
from django.utils import timezone
from django_celery_beat import models as beat

from accounts.models import User
from analytics.models import EventCount  # analytics
from backoffice.models import CustomerIndex, IndexRebuild
from config.on_call import NAME as ON_CALL
from config.tasks import clear_sessions
from patterns.durable_tasks.models import Event, State, TaskRow
from patterns.idempotency.models import Effect
from patterns.queued_mail.backend import EmailBackend
from patterns.queued_mail.models import QueuedMail
from purchases.models import Order, Product

PEOPLE = ("anonymous", "customer", "staff", "on call", "superuser")


def routes(resolver: Any = None, before: str = "") -> Iterator[str]:
    """Return every route of the project as the resolver has it, the admin's included."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from routes(pattern, route)


def make_people() -> dict[str, Any]:
    """Make somebody of each kind; `staff` may do nothing, `on call` what the group may.

    `anonymous` is None.
    """
    group = Group.objects.get(name=ON_CALL)
    on_call = User.objects.create(email="kim@example.com", is_staff=True)
    on_call.groups.add(group)
    return {
        "anonymous": None,
        "customer": User.objects.create(email="pat@example.com"),
        "staff": User.objects.create(email="ada@example.com", is_staff=True),
        "on call": on_call,
        "superuser": User.objects.create(email="su@example.com", is_staff=True, is_superuser=True),
    }


def make_things(customer: User, text: str = "kite") -> dict[str, Any]:
    """Make one of each thing, called `text` where it has words of its own; return their keys."""
    product = Product.objects.create(
        slug="kite", name=text, description=text, price_cents=1200, is_active=True
    )
    order = Order.objects.create(
        customer=customer, product=product, product_name=text, price_cents=1200,
        purchase_token=uuid4(), decline_reason=text, pack_in=text,
    )  # fmt: skip
    interval = beat.IntervalSchedule.objects.create(every=1, period="days")
    EmailBackend().send_messages([EmailMessage(text, text, None, ["pat@example.com"])])
    return {
        "auth/group": Group.objects.create(name=text).pk,
        "django_celery_beat/periodictask": beat.PeriodicTask.objects.create(
            name=text, task=text, interval=interval, description=text
        ).pk,
        "django_celery_beat/clockedschedule": beat.ClockedSchedule.objects.create(
            clocked_time=timezone.now()
        ).pk,
        "django_celery_beat/crontabschedule": beat.CrontabSchedule.objects.create().pk,
        "django_celery_beat/solarschedule": beat.SolarSchedule.objects.create(
            event="sunset", latitude=Decimal(1), longitude=Decimal(1)
        ).pk,
        "django_celery_beat/intervalschedule": interval.pk,
        "durable_tasks/failedtask": _row(text, state=State.FAILED, failed_at=timezone.now()),
        "durable_tasks/taskrow": _row(text),
        "durable_tasks/event": Event.objects.create(
            task_id=uuid4(), name=text, kind="failed", by=text
        ).pk,
        "queued_mail/queuedmail": _failed_mail(text),
        "idempotency/effect": Effect.objects.create(key=text, first_tried_at=timezone.now()).pk,
        "accounts/user": customer.pk,
        "purchases/product": product.pk,
        "purchases/order": order.pk,
        "backoffice/indexrebuild": IndexRebuild.objects.create().pk,
        "backoffice/customerindex": CustomerIndex.objects.create(customer=customer).pk,
        "analytics/eventcount": EventCount.objects.create(  # analytics
            name=text,
            day=date(2026, 1, 2),  # analytics
        ).pk,  # analytics
        "content type": ContentType.objects.get_for_model(Product).pk,
    }


def address(route: str, keys: dict[str, Any]) -> str:
    """Return a path that a route matches, to the thing that was made."""
    model = "/".join(route.split("/")[1:3])
    parts = {
        # These first: a part of them looks like one below.
        "^flower/(?P<name>[^/]+)/(?P<path>.+)$": "flower/shop/tasks",
        "(?P<url>.*)$": "no/such/page",
        "<name>": "shop",
        "<path:content_type_id>": keys["content type"],
        "<path:object_id>": keys.get(model, keys["purchases/product"]),
        "<id>": keys["accounts/user"],
        "<uuid:order_id>": keys["purchases/order"],
        "<slug:slug>": "kite",
        "<uidb64>": "MQ",
        "<token>": "set-password",
    }
    if "(?P<app_label>" in route:
        return "/admin/auth/"
    for part, value in parts.items():
        route = route.replace(part, str(value))
    return f"/{route}"


def _row(text: str, **more: Any) -> Any:
    row = TaskRow.objects.get(pk=clear_sessions.delay().id)
    more |= {"error": text, "traceback": text, "shown": '["***", "***"]', "origin": text}
    TaskRow.objects.filter(pk=row.pk).update(name=text, **more)
    return row.pk


def _failed_mail(text: str) -> Any:
    mail = QueuedMail.objects.get()
    QueuedMail.objects.update(error=text)
    return mail.pk

"""Every address that the project serves, and who is let in. A new one fails until it has a row."""

from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from tests.config.everything import PEOPLE, address, make_people, make_things, routes

pytestmark = pytest.mark.django_db

# Whom each word in the tables lets in.
WHO = {
    "everybody": set(PEOPLE),
    "members": set(PEOPLE[1:]),
    "staff": set(PEOPLE[2:]),
    "on call": set(PEOPLE[3:]),
    "superuser": set(PEOPLE[4:]),
    "nobody": set(),
    "its owner": {"customer"},
    "others": set(PEOPLE[:2]),
}
# Address -> who is let in by GET, and by POST with a valid CSRF token.
ADDRESSES = {
    "": ("everybody", "nobody"),
    "buy/<slug:slug>/": ("everybody", "members"),
    "orders/": ("members", "nobody"),
    "orders/<uuid:order_id>/": ("its owner", "nobody"),
    "orders/<uuid:order_id>/status.json": ("its owner", "nobody"),
    "accounts/signup/": ("everybody", "everybody"),
    "accounts/login/": ("everybody", "everybody"),
    "accounts/logout/": ("nobody", "everybody"),
    "accounts/password/": ("members", "members"),
    "accounts/password/reset/": ("everybody", "everybody"),
    "accounts/password/reset/sent/": ("everybody", "nobody"),
    "accounts/password/reset/<uidb64>/<token>/": ("everybody", "everybody"),
    "backoffice/": ("staff", "nobody"),
    "backoffice/rebuild/": ("nobody", "staff"),
    "backoffice/status.json": ("staff", "nobody"),
    "tasks/": ("on call", "nobody"),
    "tasks/queues/": ("nobody", "on call"),
    "flower/": ("on call", "nobody"),
    "flower/<name>/": ("on call", "nobody"),
    "^flower/(?P<name>[^/]+)/(?P<path>.+)$": ("on call", "nobody"),
    # One word for everybody; details for those on call, in test_health.py.
    "health/live": ("everybody", "nobody"),
    "health/ready": ("everybody", "nobody"),
    "health/tasks": ("everybody", "nobody"),
    # The bearer of its token alone, whoever is logged in: see test_metrics.py.
    "metrics": ("nobody", "nobody"),
    "admin/": ("staff", "staff"),
    "admin/login/": ("everybody", "everybody"),
    "admin/logout/": ("others", "everybody"),  # others are sent on, to log in
    "admin/password_change/": ("staff", "staff"),
    "admin/password_change/done/": ("staff", "nobody"),
    "admin/jsi18n/": ("staff", "nobody"),
    "admin/autocomplete/": ("nobody", "nobody"),  # no form of ours asks it anything
    "admin/r/<path:content_type_id>/<path:object_id>/": ("staff", "staff"),  # on to its public page
    "admin/<app>/": ("superuser", "superuser"),  # app `auth`, of which others may see nothing
    "admin/(?P<url>.*)$": ("nobody", "nobody"),
    "admin/accounts/user/<id>/password/": ("superuser", "superuser"),
    "admin/durable_tasks/failedtask/replay/": ("on call", "on call"),
    "admin/durable_tasks/failedtask/discard/": ("on call", "on call"),
    "admin/durable_tasks/taskrow/cancel/": ("on call", "on call"),
}
# A model's pages in the admin -> who sees, adds, changes and deletes.
MODELS = {
    "auth/group": ("superuser", "superuser", "superuser", "superuser"),
    "accounts/user": ("superuser", "superuser", "superuser", "superuser"),
    "django_celery_beat/periodictask": ("superuser", "superuser", "superuser", "superuser"),
    "django_celery_beat/clockedschedule": ("superuser", "superuser", "superuser", "superuser"),
    "django_celery_beat/crontabschedule": ("superuser", "superuser", "superuser", "superuser"),
    "django_celery_beat/solarschedule": ("superuser", "superuser", "superuser", "superuser"),
    "django_celery_beat/intervalschedule": ("superuser", "superuser", "superuser", "superuser"),
    # Their pages take a POST as a GET: nothing can be changed by it.
    "durable_tasks/failedtask": ("on call", "nobody", "on call", "nobody"),
    "durable_tasks/taskrow": ("on call", "nobody", "on call", "nobody"),
    "durable_tasks/event": ("on call", "nobody", "on call", "nobody"),
    "queued_mail/queuedmail": ("on call", "nobody", "nobody", "nobody"),
    "idempotency/effect": ("superuser", "nobody", "nobody", "nobody"),
    "purchases/product": ("superuser", "superuser", "superuser", "superuser"),
    "purchases/order": ("superuser", "nobody", "nobody", "nobody"),
    "backoffice/indexrebuild": ("superuser", "nobody", "nobody", "superuser"),
    "backoffice/customerindex": ("superuser", "nobody", "nobody", "superuser"),
    "analytics/eventcount": ("superuser", "nobody", "nobody", "nobody"),  # analytics
}


def table() -> dict[str, tuple[str, str]]:
    """Return both tables as one."""
    found = dict(ADDRESSES)
    for model, (sees, adds, changes, deletes) in MODELS.items():
        one = f"admin/{model}/<path:object_id>/"
        found |= {
            f"admin/{model}/": (sees, sees),
            f"admin/{model}/add/": (adds, adds),
            one: ("staff", "staff"),  # sent on to the next one
            f"{one}change/": (sees, changes),
            f"{one}history/": (sees, sees),
            f"{one}delete/": (deletes, deletes),
        }
    return found


def known() -> dict[str, str]:
    """Return each route by its name in the table: what lists all apps is shortened."""
    return {"admin/<app>/" if "(?P<app_label>" in route else route: route for route in routes()}


def test_every_address_has_a_row_and_every_row_an_address() -> None:
    assert sorted(known().keys() - table().keys()) == [], "say in this file who may see them"
    assert sorted(table().keys() - known().keys()) == [], "these are served no more"


@pytest.mark.parametrize("who", PEOPLE)
def test_who_is_let_in(who: str) -> None:
    people = make_people()
    keys = make_things(people["customer"])
    client = Client()
    if (user := people[who]) is not None:
        client.force_login(user)
    session = {name: each.value for name, each in client.cookies.items()}
    wrong = {}
    for name, route in known().items():
        for method, allowed in zip(("GET", "POST"), table()[name], strict=True):
            client.cookies.clear()
            client.cookies.load(session)
            answer = undone(client, method, address(route, keys))
            if is_let_in(answer) is not (who in WHO[allowed]):
                wrong[f"{method} /{name}"] = answer.status_code
    assert wrong == {}


def undone(client: Client, method: str, path: str) -> Any:
    """Ask, and take back what that did: the next one finds everything as it was."""
    with transaction.atomic():
        answer = client.generic(method, path)
        transaction.set_rollback(True)
    assert answer.status_code < 500 or answer.status_code == 503, path
    return answer


def is_let_in(answer: Any) -> bool:
    """Tell whether it was answered to the point: neither refused nor sent to log in."""
    doors = [f"{reverse(name)}?" for name in ("accounts:login", "admin:login")]
    is_sent_away = answer.headers.get("Location", "").startswith(tuple(doors))
    return answer.status_code not in {401, 403, 404, 405} and not is_sent_away


@pytest.mark.parametrize("who", ["anonymous", "superuser"])
def test_nothing_is_done_without_a_csrf_token(who: str) -> None:
    people = make_people()
    keys = make_things(people["customer"])
    client = Client(enforce_csrf_checks=True)
    if (user := people[who]) is not None:
        client.force_login(user)
    answers = {
        (name, method): undone(client, method, address(route, keys)).status_code
        for name, route in known().items()
        for method in ("POST", "PUT", "PATCH", "DELETE")
    }
    # 405: it takes no such method, whatever the token.
    done = {each for each, status in answers.items() if status not in {403, 405}}
    # Who is logged in already is sent on from these forms, in place of an error: a second tab.
    sent_on = {name for name, _ in done if name in {"accounts/login/", "accounts/signup/"}}
    assert {name for name, _ in done} == (sent_on if user else set())

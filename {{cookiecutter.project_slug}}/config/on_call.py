"""The group "On call": sees tasks and Flower, replays, discards, cancels, and pauses queues."""

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db.models.signals import post_migrate

NAME = "On call"
# Not `see_arguments`: they may hold what a customer wrote. Give it to persons, one by one.
PERMISSIONS = {
    *("view_failedtask", "replay_failedtask", "discard_failedtask"),
    *("view_taskrow", "cancel_taskrow", "pause_queuerow"),
    "view_queuedmail",
    "see_flower",
}
# Permissions are made app by app, in the order of INSTALLED_APPS: the last one's come last.
APPS = ("flower_auth", "durable_tasks", "queued_mail")


def make_after_migrations() -> None:
    """Let `manage.py migrate` make the group, once all that it may do is there."""
    post_migrate.connect(_make, sender=apps.get_app_config(APPS[-1]), dispatch_uid=__name__)


def _make(using: str, **_: Any) -> None:
    """Make the group where there is none; what somebody changed in it stays as it is."""
    group, is_new = Group.objects.using(using).get_or_create(name=NAME)
    if is_new:
        allowed = Permission.objects.using(using).filter(
            codename__in=PERMISSIONS, content_type__app_label__in=APPS
        )
        group.permissions.set(allowed)

"""Start a rebuild of every customer's index."""

from django.db import IntegrityError, transaction

from accounts.models import User
from backoffice.models import IndexRebuild
from backoffice.tasks import start_rebuild


class RebuildIsRunning(Exception):
    """There is one already, and it makes progress."""


def start(by: User) -> IndexRebuild:
    """Record a rebuild and enqueue its first task. Raises RebuildIsRunning.

    The request does no more than that, however many customers there are. Duplicate: two staff at
    once start one, the database decides who. Rollback or crash: neither rebuild nor task. Raises
    QueueFull where queue admin has reached its cap.
    """
    with transaction.atomic():
        IndexRebuild.objects.all().finish_complete()
        IndexRebuild.objects.all().abandon_stuck()
        rebuild = _insert(by)
        start_rebuild.delay(rebuild.pk)
    return rebuild


def _insert(by: User) -> IndexRebuild:
    try:
        with transaction.atomic():
            return IndexRebuild.objects.create(started_by=by)
    except IntegrityError:
        raise RebuildIsRunning from None

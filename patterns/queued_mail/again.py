"""Send failed mails again: because somebody asks for it, or because their failed task is replayed.

A mail that fails on a base task with a failed set of its own is there as well: as the task, of
which the mail is the subject. So one way leads back, whoever takes it from which side, and a mail
is never on two.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import router, transaction
from django.db.models import F
from django.utils import timezone

from .models import QueuedMail
from .publication import enqueue

# Mails whose recipients differ are written by one CASE; its length is what such a statement costs.
WRITTEN_AT_ONCE = 200


def send_again(deliver: Any, ids: Sequence[UUID], *, by: str) -> int:
    """Let failed mails wait for delivery anew, to all who did not get them; return how many do.

    One whose content is deleted stays as it is.

    A failed task of theirs is replayed, in the name of `by`; where there is none, a new one is
    enqueued. All in one transaction. Two at once: one finds nothing to do.
    """
    database = router.db_for_write(QueuedMail)
    with transaction.atomic(using=database):
        chosen = QueuedMail.objects.using(database).replayable().filter(pk__in=ids)
        # First the tasks' rows, then the mails': the order in which a replay takes them.
        replayed = _replay(deliver, chosen, by)
        left = list(chosen.defer("content").order_by("pk").select_for_update(skip_locked=True))
        begin_anew(left, database)
        for mail in left:
            mail.publication += 1
        QueuedMail.objects.using(database).filter(pk__in=[mail.pk for mail in left]).update(
            publication=F("publication") + 1
        )
        enqueue(deliver, left, using=database)
        return replayed + len(left)


def begin_anew(mails: Sequence[QueuedMail], database: str) -> None:
    """Write that mails, locked by the caller, wait as if they had never been tried."""
    rows = QueuedMail.objects.using(database)
    refused = [mail for mail in mails if mail.refused]
    for mail in refused:
        mail.outstanding = [who for who in mail.recipients if mail.is_owed(who)]
    rows.bulk_update(refused, ["outstanding"], batch_size=WRITTEN_AT_ONCE)
    rows.filter(pk__in=[mail.pk for mail in mails]).update(
        **{"refused": {}, "error": "", "attempts": 0, "unanswered": 0, "died": 0},
        **{"failed_at": None, "first_attempt_at": None, "touched_at": timezone.now()},
    )


def _replay(deliver: Any, mails: Any, by: str) -> int:
    """Replay the failed tasks of mails; 0 where the base task keeps none."""
    replay = getattr(deliver, "replay_failed", None)
    if replay is None:
        return 0
    calls = mails.order_by("pk").values_list("pk", "publication")
    return len(replay([((str(pk), publication), {}) for pk, publication in calls], by=by))

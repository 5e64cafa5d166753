"""What becomes of a mail whose failed task somebody replays or discards."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import router, transaction
from django.utils import timezone

from .again import begin_anew
from .calls import Call, publications_of
from .errors import ContentDeleted
from .models import QueuedMail


def on_replay(task: Any, each: Sequence[Call]) -> None:
    """Let the failed ones among the mails of replayed tasks wait anew, for those very tasks.

    Raises `ContentDeleted`, and changes nothing, where what one of them said is deleted.
    """
    database = router.db_for_write(QueuedMail)
    publications = publications_of(each)
    with transaction.atomic(using=database):
        # A run that was cancelled may still be speaking with the mail server: its lease is not
        # that of the task's next run, which would else not wait for its end.
        rows = QueuedMail.objects.using(database)
        rows.filter(pk__in=list(publications)).exclude(lease=None).update(leased_by="")
        failed = rows.filter(failed_at__isnull=False)
        mails = _locked(failed, publications)
        if failed.filter(pk__in=[mail.pk for mail in mails], content=b"").exists():
            raise ContentDeleted("What the mail said is deleted: send a new one instead.")
        begin_anew(mails, database)
        for mail in mails:
            if mail.publication != publications[mail.pk]:  # a newer task of it was lost, or deleted
                mail.publication = publications[mail.pk]
                mail.save(update_fields=["publication"])


def on_discard(task: Any, each: Sequence[Call]) -> None:
    """Fail the mails of tasks that were discarded, and delete what they said.

    One that is being delivered at this moment is a sent one all the same, once it is out.
    """
    database = router.db_for_write(QueuedMail)
    publications = publications_of(each)
    with transaction.atomic(using=database):
        rows = QueuedMail.objects.using(database)
        mails = _locked(rows.filter(sent_at=None, expired_at=None), publications)
        given_up = [mail for mail in mails if mail.publication == publications[mail.pk]]
        abandoned = [mail.pk for mail in given_up if mail.failed_at is None]
        rows.filter(pk__in=abandoned).update(failed_at=timezone.now())
        rows.filter(pk__in=[mail.pk for mail in given_up]).delete_content(
            "Its task was discarded, and what it said is deleted."
        )


def _locked(mails: Any, publications: Mapping[UUID, int]) -> list[QueuedMail]:
    return list(
        mails.filter(pk__in=list(publications)).defer("content").order_by("pk").select_for_update()
    )

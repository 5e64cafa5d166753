"""Send failed mails again: because somebody asks for it, or because their failed task is replayed.

A mail that fails on a base task with a failed set of its own is there as well: as the task, of
which the mail is the subject. So one way leads back, whoever takes it from which side, and a mail
is never on two.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db import router, transaction
from django.db.models import F, Q
from django.utils import timezone

from .errors import ContentDeleted
from .models import QueuedMail
from .publication import enqueue

Call = tuple[Sequence[Any], Mapping[str, Any]]  # args and kwargs of one delivery
# Mails whose recipients differ are written by one CASE; its length is what such a statement costs.
WRITTEN_AT_ONCE = 200
SHOWN_RECIPIENTS = 3
MOST_FOUND = 5_000  # more than anybody looks through; a statement bears the ids of so many


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


def describe(task: Any, each: Sequence[Call]) -> list[str]:
    """Return whom each mail is for and its subject; never what it says."""
    publications = publications_of(each)
    rows = QueuedMail.objects.using(router.db_for_read(QueuedMail)).filter(pk__in=publications)
    said: dict[UUID | None, str] = {
        mail.pk: f"to {recipients(mail)}: {mail.subject}"
        for mail in rows.only("recipients", "subject")
    }
    return [said.get(_call(call)[0], "") for call in each]


def described_as(task: Any, text: str) -> list[Call]:
    """Return the deliveries of mails with this text in a recipient or the subject, none of those
    that are over: the newest failed ones and the newest that wait, so many of each at most."""
    rows = QueuedMail.objects.using(router.db_for_read(QueuedMail))
    found = rows.filter(Q(recipients__icontains=text) | Q(subject__icontains=text))
    newest = (
        found.filter(failed_at__isnull=False).order_by("-failed_at"),
        found.waiting().order_by("-touched_at"),
    )
    return [
        ((str(pk), publication), {})
        for mails in newest
        for pk, publication in mails.values_list("pk", "publication")[:MOST_FOUND]
    ]


def recipients(mail: QueuedMail) -> str:
    """Return the first recipients, and how many more there are."""
    more = len(mail.recipients) - SHOWN_RECIPIENTS
    shown = ", ".join(map(str, mail.recipients[:SHOWN_RECIPIENTS]))
    return shown + (f" and {more} more" if more > 0 else "")


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


def publications_of(each: Sequence[Call]) -> dict[UUID, int]:
    """Return each mail's id with the newest publication among the calls; others are left out."""
    found: dict[UUID, int] = {}
    for pk, publication in map(_call, each):
        if pk is not None:
            found[pk] = max(publication, found.get(pk, 0))
    return found


def _call(call: Call) -> tuple[UUID | None, int]:
    """Read a delivery's arguments; none of ours could be unreadable, but anybody can enqueue."""
    args, kwargs = call
    values = dict(zip(("mail_id", "publication"), args, strict=False)) | dict(kwargs)
    with suppress(ValueError, TypeError, LookupError):
        return UUID(str(values.get("mail_id"))), int(values["publication"])
    return None, 0


def _replay(deliver: Any, mails: Any, by: str) -> int:
    """Replay the failed tasks of mails; 0 where the base task keeps none."""
    replay = getattr(deliver, "replay_failed", None)
    if replay is None:
        return 0
    calls = mails.order_by("pk").values_list("pk", "publication")
    return len(replay([((str(pk), publication), {}) for pk, publication in calls], by=by))


def _locked(mails: Any, publications: Mapping[UUID, int]) -> list[QueuedMail]:
    return list(
        mails.filter(pk__in=list(publications)).defer("content").order_by("pk").select_for_update()
    )

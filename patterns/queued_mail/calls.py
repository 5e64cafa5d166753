"""Which mail a delivery's arguments mean, and what people know it by: recipients and subject."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db import router
from django.db.models import Q

from .models import QueuedMail

Call = tuple[Sequence[Any], Mapping[str, Any]]  # args and kwargs of one delivery
SHOWN_RECIPIENTS = 3
MOST_FOUND = 5_000  # more than anybody looks through; a statement bears the ids of so many


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

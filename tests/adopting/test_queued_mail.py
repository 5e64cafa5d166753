"""A running project takes up queued_mail as its page says, with mails in flight, and back again."""

from collections import Counter
from collections.abc import Callable, Iterator
from email import message_from_bytes

import pytest

from tests.servers import SMTPServer, eventually, free_port

from .conftest import Project

SEND = "from django.core.mail import send_mail; send_mail('From a view', '', None, ['{to}@x.org'])"
UNDONE = """
from django.core.mail import send_mail
from django.db import transaction
with transaction.atomic():
    send_mail("Never", "", None, ["undone@x.org"])
    transaction.set_rollback(True)
"""


@pytest.fixture
def smtp() -> Iterator[SMTPServer]:
    server = SMTPServer(port=free_port())
    controller = server.start()
    yield server
    controller.stop()


def test_no_mail_is_lost_or_sent_twice(
    old_project: Callable[..., Project], smtp: SMTPServer
) -> None:
    project = old_project("queued_mail.md", OLD_SMTP_PORT=str(smtp.port))
    expected: list[str] = []

    def send(to: str, code: str = SEND) -> None:
        project.run(code.format(to=to))
        expected.append(f"{to}@x.org")

    def all_arrived() -> bool:
        return sorted(to for _, [to], _ in smtp.mails) == sorted(expected)

    enqueue = "from oldshop.tasks import welcome; welcome.delay('{to}@x.org')"
    send("inline")
    assert all_arrived()
    send("in-flight", enqueue)  # on the broker, and no worker runs

    project.copy("queued_mail")
    project.at(1)
    project.python("manage.py", "migrate", "queued_mail", "-v0")
    mail = project.worker("mail")
    send("still-inline")
    assert "still-inline@x.org" in [to for _, [to], _ in smtp.mails]

    project.stop(mail)
    project.at(2)
    send("waits")
    project.run(UNDONE)
    assert "waits@x.org" not in [to for _, [to], _ in smtp.mails]
    workers = [project.worker("celery"), project.worker("mail")]
    eventually(all_arrived)

    project.stop(*workers)
    send("waits-while-we-go-back")
    project.at(1)
    send("inline-again")
    assert "inline-again@x.org" in [to for _, [to], _ in smtp.mails]
    mail = project.worker("mail")
    eventually(all_arrived)
    eventually(lambda: waiting(project) == 0)

    project.stop(mail)
    project.python("manage.py", "migrate", "queued_mail", "zero", "-v0")
    project.at(0)
    send("as-before")
    assert all_arrived()
    ids = Counter(message_from_bytes(content)["Message-ID"] for _, _, content in smtp.mails)
    assert set(ids.values()) == {1}


def waiting(project: Project) -> int:
    """Return what the page's own command prints."""
    code = project.page.split('python manage.py shell -c "', 1)[1].split('"\n', 1)[0]
    return int(project.run(code).splitlines()[-1])

"""The bound of the mailbox."""

from pathlib import Path

import pytest

from development import mailbox
from development.mailbox import Mailbox


def test_a_loop_that_sends_for_ever_leaves_the_newest_in_memory_and_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "MOST_MAILS", 20)
    box = Mailbox(tmp_path)
    for number in range(100):
        box.add("a@example.com", ["b@example.com"], b"Subject: %d\r\n\r\nx" % number)
    expected = [str(number) for number in range(99, 79, -1)]
    assert [mail.subject for mail in box.newest()] == expected
    assert [mail.subject for mail in Mailbox(tmp_path).newest()] == expected
    assert len(list(tmp_path.iterdir())) == 20


def test_large_mails_are_bounded_by_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "MOST_BYTES", 4_000)
    box = Mailbox()
    content = b"Subject: large\r\n\r\n" + b"x" * 1_000
    for _ in range(8):
        box.add("a@example.com", ["b@example.com"], content)
    assert len(box.newest()) == 3

"""The mails that were caught: the newest ones in memory, and in a folder where there is one."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

# Bounds, so that a loop that sends for ever fills neither the memory nor the disk; the newest
# mails are the ones somebody looks for.
MOST_MAILS = 2_000
MOST_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail as it came, with what the list shows of it."""

    id: str
    sender: str
    recipients: list[str]
    subject: str
    received_at: datetime
    content: bytes

    def message(self) -> EmailMessage:
        """Parse the content anew: only who looks at a mail pays for it."""
        return message_from_bytes(self.content, policy=policy.default)


@dataclass
class Control:
    """How the SMTP side misbehaves."""

    delay_seconds: float = 0.0
    refuse_next: int = 0

    def change(self, wanted: object) -> str | None:
        """Apply what was wanted, all or nothing; return what is wrong with it."""
        if not isinstance(wanted, dict) or not set(wanted) <= {"delay_seconds", "refuse_next"}:
            return "expected an object with delay_seconds, refuse_next or both"
        for name, value in wanted.items():
            kind = (int, float) if name == "delay_seconds" else int
            if isinstance(value, bool) or not isinstance(value, kind) or not 0 <= value <= 3600:
                return f"{name} must be a number from 0 to 3600"
        for name, value in wanted.items():
            setattr(self, name, value)
        return None

    def take_refusal(self) -> bool:
        """Count one refusal off, and tell whether there was one."""
        left = self.refuse_next
        self.refuse_next = max(0, left - 1)
        return left > 0


class Mailbox:
    """The newest mails, by id."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read what an earlier process left in `folder`, which is made."""
        self._folder = folder
        self._mails: OrderedDict[str, Mail] = OrderedDict()
        self._lock = threading.Lock()
        self._bytes = self._count = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for file in sorted(folder.glob("*.eml")):
                self._keep(_read(file))

    def add(self, sender: str, recipients: list[str], content: bytes) -> Mail:
        """Keep a mail, and forget the oldest where there are too many."""
        with self._lock:
            received_at = datetime.now(UTC)
            self._count += 1
            # Sorted by name is sorted by arrival, also after a restart.
            identity = f"{received_at:%Y%m%dT%H%M%S%f}-{self._count:06d}"
            mail = _mail(identity, sender, recipients, content, received_at)
            if self._folder is not None:
                file = self._folder / f"{identity}.eml"
                unfinished = file.with_suffix(".unfinished")
                unfinished.write_bytes(_envelope(mail) + content)
                unfinished.replace(file)
            self._keep(mail)
        return mail

    def newest(self, count: int | None = None) -> list[Mail]:
        """Return the newest mails first, all or `count` of them."""
        with self._lock:
            mails = list(reversed(self._mails.values()))
        return mails if count is None else mails[:count]

    def get(self, identity: str) -> Mail | None:
        """Return a mail, None where it is unknown or forgotten."""
        with self._lock:
            return self._mails.get(identity)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            while self._mails:
                self._forget_oldest()

    def _keep(self, mail: Mail) -> None:
        self._mails[mail.id] = mail
        self._bytes += len(mail.content)
        while len(self._mails) > 1 and (len(self._mails) > MOST_MAILS or self._bytes > MOST_BYTES):
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        identity, mail = self._mails.popitem(last=False)
        self._bytes -= len(mail.content)
        if self._folder is not None:
            (self._folder / f"{identity}.eml").unlink(missing_ok=True)


def _mail(
    identity: str, sender: str, recipients: list[str], content: bytes, received_at: datetime
) -> Mail:
    return Mail(
        id=identity,
        sender=sender,
        recipients=recipients,
        subject=_subject(content),
        received_at=received_at,
        content=content,
    )


def _subject(content: bytes) -> str:
    head = content.partition(b"\r\n\r\n")[0]
    try:
        return str(message_from_bytes(head, policy=policy.default).get("Subject", ""))
    except Exception:  # the email package raises many kinds for what is no mail
        return "(unreadable subject)"


# The envelope stands above the mail, as mail servers note it.
def _envelope(mail: Mail) -> bytes:
    lines = [f"X-Envelope-From: {mail.sender}", f"X-Envelope-To: {', '.join(mail.recipients)}"]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape")


def _read(file: Path) -> Mail:
    whole = file.read_bytes()
    first, _, rest = whole.partition(b"\r\n")
    second, _, content = rest.partition(b"\r\n")
    sender = first.partition(b": ")[2].decode("utf-8", "replace")
    recipients = second.partition(b": ")[2].decode("utf-8", "replace").split(", ")
    stamp = datetime.strptime(file.stem.partition("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    return _mail(file.stem, sender, recipients, content, stamp)

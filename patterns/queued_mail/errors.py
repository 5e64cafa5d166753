"""What can go wrong with a mail, told apart by `is_permanent` for the base task."""


class MailNotAccepted(ValueError):
    """A mail cannot be queued as it is. Nothing is stored."""


class MailTooLarge(MailNotAccepted):
    """A mail is larger than QUEUED_MAIL_MAX_BYTES."""


class MessageIdReused(MailNotAccepted):
    """A Message-ID that is stored came again for other recipients, who would get nothing."""


class MailNotDelivered(OSError):
    """The mail server could not be reached or asked for another attempt: trying again may help.

    An OSError, so that a base task that knows nothing of `is_permanent` retries it as well.
    """

    is_permanent = False


class MailNotAnswered(MailNotDelivered):
    """The mail was offered and no answer came (a timeout, a line that was cut): it may be out."""


class ContentDeleted(Exception):
    """A failed mail is to be sent again, and what it said is deleted."""

    is_permanent = True


class LeaseLost(Exception):
    """Somebody else has taken over a mail, and records what becomes of it. Never leaves here."""


class MailRefused(Exception):
    """The mail server refused the mail for good, or it was tried for long enough.

    Recorded in the row. Not an OSError, which smtplib's own exceptions are, even for a 550.
    """

    is_permanent = True


class ReceiverFailed(Exception):
    """A mail went out and is recorded as sent, but a receiver of `mail_sent` raised.

    What the receivers wrote is rolled back. Permanent: another attempt would be a second mail.
    """

    is_permanent = True

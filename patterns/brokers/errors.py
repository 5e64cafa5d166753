"""What is raised about a broker that is not ours."""

from kombu.exceptions import OperationalError


class BrokerOfAnother(OperationalError, OSError):
    """The broker is another app's, or another environment's. The message says whose.

    Callers of `delay()` know it as Celery's `OperationalError`; kombu takes it for a connection
    that failed, as it does an `OSError`: it is tried again, and goes through once it is ours.
    """


class BrokerNotYetOurs(BrokerOfAnother):
    """The broker has no stamp, and somebody works with it: whose it is shows in seconds."""


class HandOverRefused(ValueError):
    """The broker was not handed over. The message says why."""

"""The Django of the kit's test process is the one that tests/queued_mail/conftest.py configures."""

import tests.servers  # noqa: F401

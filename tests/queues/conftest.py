"""The Django of the kit's test process is the one that tests/servers.py configures."""

import tests.servers  # noqa: F401

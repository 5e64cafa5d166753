"""The settings as mypy reads them: made-up addresses, so that a fresh clone needs no `.env`.

mypy's Django plugin loads the settings and the models; it contacts nothing.
"""

import os

MADE_UP = {
    "SECRET_KEY": "mypy",
    "SITE_URL": "http://127.0.0.1:1",
    "DATABASE_URL": "postgres://mypy@127.0.0.1:1/mypy",
    "BROKER_URL": "redis://127.0.0.1:1/0",
    "ANALYTICS_BROKER_URL": "redis://127.0.0.1:2/0",  # analytics
    "EMAIL_URL": "smtp://127.0.0.1:1",
    "PAYMENTS_URL": "http://127.0.0.1:1",
    "PAYMENTS_API_KEY": "mypy",
}
os.environ.update(MADE_UP)

from config.settings import *  # noqa: E402, F403  the environment comes first

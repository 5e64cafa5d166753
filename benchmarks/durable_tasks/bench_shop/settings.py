"""Settings of everything that is measured: both kinds of task have the same ones."""

import os

SECRET_KEY = "only-for-measuring"  # noqa: S105
USE_TZ = True
INSTALLED_APPS = ["patterns.durable_tasks", "bench_shop"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["BENCH_DATABASE_HOST"],
        "USER": "postgres",
        "NAME": "bench",
        # As the generated shop has it.
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}

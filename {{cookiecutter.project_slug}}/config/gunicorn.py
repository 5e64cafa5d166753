"""How the web server runs: `gunicorn --config config/gunicorn.py config.wsgi`."""

import os
from typing import Any

import django
from environs import validate

from config.environment import project_environment
from config.logs import FORMATS, LEVELS, logging_settings
from config.readiness import wait_until_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

env = project_environment()
# Loopback, since a proxy in front ends TLS; in a container set HOST=0.0.0.0.
host = env.str("HOST", "127.0.0.1")
port = env.int("PORT", 8000, validate=validate.Range(1, 65_535))
bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
# Two processes survive the crash of one; threads, since a request mostly waits for the database.
workers = env.int("WEB_CONCURRENCY", 2, validate=validate.Range(1))
threads = 4
# Seconds. No request waits for mail, provider or broker: a slow one is stuck.
timeout = 30
# Seconds for requests under way at a stop; below honcho's 5, after which it kills.
graceful_timeout = 4
# The heartbeat file in memory: on a busy disk the server would take itself for dead.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108  its own files

# Its own lines look like all others. Before Django's settings are read, which replace this.
_level = env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(LEVELS))
_format = env.str(
    "LOG_FORMAT", "line" if env.bool("DEBUG", False) else "json", validate=validate.OneOf(FORMATS)
)
logconfig_dict = logging_settings(level=_level, line_format=_format)
logconfig_dict["loggers"] = {
    "gunicorn.error": {"handlers": ["console"], "propagate": False, "level": "INFO"},
    # Each request is logged by config/request_ids.py, without the path: a password's reset has its
    # token there. gunicorn's own lines would come with this configuration.
    "gunicorn.access": {"handlers": [], "propagate": False, "level": "CRITICAL"},
}

# Its control socket would be one file in the user's home, for all projects of this machine.
control_socket_disable = True


def on_starting(server: Any) -> None:
    """Wait for the database and its migrations; the web needs no broker."""
    django.setup()
    wait_until_ready()

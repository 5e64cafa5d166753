"""The configuration of each broker's Flower: `celery -A APP flower --conf=config/flower.py`.

config/celery.py names this file, so that no Flower starts without it. Each global with the name of
one of Flower's options sets it; the command line may override it, but for what guard() closes.
"""

import errno
import os
import socket

import click
from django.conf import settings
from tornado.options import add_parse_callback, options

from patterns.flower_auth.guard import guard

# A Flower shows one broker, that of its Celery app, and answers under that app's name.
name = click.get_current_context().obj.app.main

guard(
    site_url=settings.SITE_URL,
    metrics_token=settings.FLOWER_METRICS_TOKEN,
    url_prefix=f"flower/{name}",
    allow_actions=settings.FLOWER_ALLOWS_ACTIONS,
)

# Only a proxy on this machine reaches it; the guard refuses any other address.
address = "127.0.0.1"
port = settings.FLOWER_PORTS[name]
# Some 165 MB of memory; 50,000 take 450. Older tasks are forgotten, failed ones first seen here.
max_tasks = 10_000
# Seconds. Containers have a new name with each deploy: forget the workers of the day before.
purge_offline_workers = 86_400
# Kept over a restart, and over a crash but for the last half minute.
persistent = True
db = str(settings.BASE_DIR / "var" / f"flower_{name}")
state_save_interval = 30_000  # milliseconds

# What it keeps holds arguments of tasks, and is code to whoever loads it: for its owner alone.
os.umask(0o077)
(settings.BASE_DIR / "var").mkdir(exist_ok=True)


@add_parse_callback
def refuse_taken_port() -> None:
    """End in one line, not in a traceback, where another process has the port."""
    family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.address, options.port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise SystemExit(
                f"The port {options.port} of {name}'s Flower is taken: stop what listens there, "
                "or set another in the environment (FLOWER_PORTS of config/settings.py reads it)."
            ) from None

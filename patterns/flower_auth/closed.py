"""Flower never runs open: the application names its configuration, and refuses any other."""

import os
from pathlib import Path

import click
from celery.signals import import_modules

# What was named so far: the system check asks whether anything was.
configurations: list[Path] = []


def refuse_open_flower(configuration: Path) -> None:
    """Let `celery flower` read this file where it is told no other, and refuse an unguarded one.

    Call it where the Celery app is made. It costs the other processes nothing: neither Flower nor
    its web server is imported here.
    """
    configurations.append(configuration)
    os.environ.setdefault("FLOWER_CONF", str(configuration))
    # Flower sends this signal after it has read its options, and before it listens.
    import_modules.connect(_require_guard, dispatch_uid="flower_auth")


def _require_guard(**_: object) -> None:
    command = click.get_current_context(silent=True)
    if command is None or command.info_name != "flower":
        return
    from tornado.httpserver import HTTPServer  # only Flower's process has use for it

    if not getattr(HTTPServer.configured_class(), "is_guarded", False):
        raise SystemExit(
            "Flower stays closed: its configuration does not call guard(). "
            f"Start it with --conf={os.environ['FLOWER_CONF']}"
        )

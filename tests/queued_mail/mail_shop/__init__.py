"""The smallest project around the pattern: one app, one queue, one worker."""

from .celery import app

__all__ = ("app",)

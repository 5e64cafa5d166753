"""Where the shop's apps and the patterns meet: settings, queues, Celery, the base task."""

from config.celery import app as celery_app

__all__ = ("celery_app",)

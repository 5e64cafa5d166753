"""The shop's Celery app."""

import os

from celery import Celery
from kombu import Queue

from config import queues

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings  # noqa: E402  the settings' module must be named first

app = Celery("shop", task_cls="config.base_task:ShopTask", broker=settings.BROKER_URL)
app.conf.update(
    task_queues=[Queue(queue.name) for queue in queues.SHOP],
    task_create_missing_queues=False,
    task_default_queue="default",
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_send_sent_event=True,
    worker_send_task_events=True,
    beat_scheduler="django_celery_beat.schedulers:DatabaseScheduler",
    timezone="UTC",
)
app.autodiscover_tasks(related_name="tasks")

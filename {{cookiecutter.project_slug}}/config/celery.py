"""The shop's Celery app."""

import os
from pathlib import Path

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# A Flower started without --conf would be open to everybody.
os.environ.setdefault("FLOWER_CONF", str(Path(__file__).with_name("flower.py")))

# Both names are read when first needed, so that Django's settings are not read in a circle.
app = Celery("shop", task_cls="config.base_task:ShopTask")
app.config_from_object("config.celery_settings")
app.autodiscover_tasks()

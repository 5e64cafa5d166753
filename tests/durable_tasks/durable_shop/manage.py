"""`python -m durable_shop.manage COMMAND`."""

import sys

from django.core.management import execute_from_command_line

import durable_shop.celery

durable_shop.celery.app.set_default()
execute_from_command_line(sys.argv)

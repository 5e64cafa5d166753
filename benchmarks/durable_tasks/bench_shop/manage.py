"""`python -m bench_shop.manage COMMAND`."""

import sys

from django.core.management import execute_from_command_line

import bench_shop.celery

bench_shop.celery.durable.set_default()
execute_from_command_line(sys.argv)

"""`python -m bench_shop.manage COMMAND`."""

import sys

import bench_shop.celery
from django.core.management import execute_from_command_line

bench_shop.celery.durable.set_default()
execute_from_command_line(sys.argv)

"""The shop's settings, with short leases: the lab waits for them to end."""

import os

from config.settings import *  # noqa: F403  a settings module is a set of names

INSTALLED_APPS = [*INSTALLED_APPS, "lab_app"]  # noqa: F405
ROOT_URLCONF = "lab_urls"
# Made to be slow; the lab is not about passwords.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DURABLE_TASKS_LEASE_SECONDS = float(os.environ.get("LAB_LEASE_SECONDS", "6"))
DURABLE_TASKS_PUBLICATION_LEASE_SECONDS = 4
DURABLE_TASKS_UNKNOWN_TASK_SECONDS = 120
DURABLE_TASKS_QUEUES = {"admin": {"cap": int(os.environ["LAB_ADMIN_CAP"]), "at_cap": "alarm"}}

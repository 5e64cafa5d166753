"""A backend for Django's tasks (`django.tasks`; before Django 6.0 the package `django-tasks`).

`TASKS = {"default": {"BACKEND": "<this package>.DurableBackend"}}`, and `enqueue()` inserts a
durable row in the caller's transaction. Imported where TASKS asks for it, and nowhere else.
"""

from .backend import DurableBackend

__all__ = ["DurableBackend"]

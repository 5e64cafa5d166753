"""The page "Tasks" as a Django app."""

from django.apps import AppConfig


class TasksPageConfig(AppConfig):
    """One page for whoever is on call; it has no rows of its own."""

    name = "tasks_page"
    label = "tasks_page"
    verbose_name = "Tasks"

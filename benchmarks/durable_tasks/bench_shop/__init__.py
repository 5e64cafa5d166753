"""A Django project with the same tasks twice: on stock Celery, and durable."""

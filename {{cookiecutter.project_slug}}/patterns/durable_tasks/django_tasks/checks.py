{{ pattern("durable_tasks/django_tasks/checks.py") }}

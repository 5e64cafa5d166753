{{ pattern("durable_tasks/django_tasks/paths.py") }}

{{ pattern("durable_tasks/django_tasks/backend.py") }}

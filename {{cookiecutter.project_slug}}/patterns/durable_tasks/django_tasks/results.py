{{ pattern("durable_tasks/django_tasks/results.py") }}

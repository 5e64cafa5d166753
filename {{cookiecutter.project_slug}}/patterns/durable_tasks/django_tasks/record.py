{{ pattern("durable_tasks/django_tasks/record.py") }}

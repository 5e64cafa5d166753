{{ pattern("durable_tasks/django_tasks/rows.py") }}

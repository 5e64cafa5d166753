{{ pattern("durable_tasks/django_tasks/running.py") }}

{{ pattern("durable_tasks/django_tasks/carriers.py") }}

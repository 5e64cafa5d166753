{{ pattern("durable_tasks/django_tasks/__init__.py") }}

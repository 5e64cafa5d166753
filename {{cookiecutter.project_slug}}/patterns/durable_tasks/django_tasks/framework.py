{{ pattern("durable_tasks/django_tasks/framework.py") }}

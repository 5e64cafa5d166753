{{ pattern("durable_tasks/migrations/0005_django_tasks.py") }}

{{ pattern("durable_tasks/migrations/0002_failed_set.py") }}

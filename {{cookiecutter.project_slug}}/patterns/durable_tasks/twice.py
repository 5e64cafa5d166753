{{ pattern("durable_tasks/twice.py") }}

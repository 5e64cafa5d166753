{{ pattern("durable_tasks/retry.py") }}

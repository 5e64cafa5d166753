{{ pattern("durable_tasks/checks.py") }}

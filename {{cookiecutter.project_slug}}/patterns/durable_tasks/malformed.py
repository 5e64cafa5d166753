{{ pattern("durable_tasks/malformed.py") }}

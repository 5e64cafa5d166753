{{ pattern("durable_tasks/unknown.py") }}

{{ pattern("durable_tasks/described.py") }}

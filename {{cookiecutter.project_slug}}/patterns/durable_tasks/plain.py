{{ pattern("durable_tasks/plain.py") }}

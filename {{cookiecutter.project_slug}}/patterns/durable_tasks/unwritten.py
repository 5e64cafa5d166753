{{ pattern("durable_tasks/unwritten.py") }}

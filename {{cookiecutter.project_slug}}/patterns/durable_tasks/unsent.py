{{ pattern("durable_tasks/unsent.py") }}

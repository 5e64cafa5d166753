{{ pattern("durable_tasks/patience.py") }}

{{ pattern("durable_tasks/cleanup.py") }}

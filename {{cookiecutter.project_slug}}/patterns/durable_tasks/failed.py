{{ pattern("durable_tasks/failed.py") }}

{{ pattern("durable_tasks/naps.py") }}

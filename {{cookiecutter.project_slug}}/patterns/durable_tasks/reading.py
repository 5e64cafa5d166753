{{ pattern("durable_tasks/reading.py") }}

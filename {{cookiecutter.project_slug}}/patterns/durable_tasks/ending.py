{{ pattern("durable_tasks/ending.py") }}

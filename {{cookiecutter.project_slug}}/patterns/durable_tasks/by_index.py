{{ pattern("durable_tasks/by_index.py") }}

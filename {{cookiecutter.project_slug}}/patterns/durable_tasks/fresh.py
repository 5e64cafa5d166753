{{ pattern("durable_tasks/fresh.py") }}

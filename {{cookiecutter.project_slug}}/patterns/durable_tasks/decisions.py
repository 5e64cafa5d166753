{{ pattern("durable_tasks/decisions.py") }}

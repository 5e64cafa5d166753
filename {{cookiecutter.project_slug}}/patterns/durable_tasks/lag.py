{{ pattern("durable_tasks/lag.py") }}

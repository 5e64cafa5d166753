{{ pattern("durable_tasks/history.py") }}

{{ pattern("durable_tasks/locks.py") }}

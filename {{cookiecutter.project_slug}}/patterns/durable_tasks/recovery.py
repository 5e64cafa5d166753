{{ pattern("durable_tasks/recovery.py") }}

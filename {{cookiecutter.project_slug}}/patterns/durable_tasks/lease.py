{{ pattern("durable_tasks/lease.py") }}

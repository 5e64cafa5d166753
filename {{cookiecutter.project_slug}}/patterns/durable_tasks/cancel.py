{{ pattern("durable_tasks/cancel.py") }}

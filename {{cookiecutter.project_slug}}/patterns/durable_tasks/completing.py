{{ pattern("durable_tasks/completing.py") }}

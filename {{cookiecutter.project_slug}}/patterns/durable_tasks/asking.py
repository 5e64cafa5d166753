{{ pattern("durable_tasks/asking.py") }}

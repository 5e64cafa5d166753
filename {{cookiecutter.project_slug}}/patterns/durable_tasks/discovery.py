{{ pattern("durable_tasks/discovery.py") }}

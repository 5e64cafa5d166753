{{ pattern("durable_tasks/caps.py") }}

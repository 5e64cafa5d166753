{{ pattern("durable_tasks/waiting.py") }}

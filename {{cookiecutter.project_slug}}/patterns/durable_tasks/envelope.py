{{ pattern("durable_tasks/envelope.py") }}

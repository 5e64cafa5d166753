{{ pattern("durable_tasks/listening.py") }}

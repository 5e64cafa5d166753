{{ pattern("durable_tasks/moments.py") }}

{{ pattern("durable_tasks/lost.py") }}

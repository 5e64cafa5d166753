{{ pattern("durable_tasks/raised.py") }}

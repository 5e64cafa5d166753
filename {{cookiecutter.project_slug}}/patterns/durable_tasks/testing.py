{{ pattern("durable_tasks/testing.py") }}

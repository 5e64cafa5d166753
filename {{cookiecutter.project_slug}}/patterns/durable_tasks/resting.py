{{ pattern("durable_tasks/resting.py") }}

{{ pattern("durable_tasks/walking.py") }}

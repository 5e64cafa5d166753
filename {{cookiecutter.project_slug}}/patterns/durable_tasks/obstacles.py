{{ pattern("durable_tasks/obstacles.py") }}

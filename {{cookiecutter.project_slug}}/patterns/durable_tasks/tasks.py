{{ pattern("durable_tasks/tasks.py") }}

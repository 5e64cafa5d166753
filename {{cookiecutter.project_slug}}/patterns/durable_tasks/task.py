{{ pattern("durable_tasks/task.py") }}

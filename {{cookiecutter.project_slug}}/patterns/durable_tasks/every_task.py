{{ pattern("durable_tasks/every_task.py") }}

{{ pattern("durable_tasks/checks/tasks.py") }}

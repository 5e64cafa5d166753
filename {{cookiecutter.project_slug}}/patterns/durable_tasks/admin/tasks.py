{{ pattern("durable_tasks/admin/tasks.py") }}

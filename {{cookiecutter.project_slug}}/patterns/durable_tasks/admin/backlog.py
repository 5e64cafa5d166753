{{ pattern("durable_tasks/admin/backlog.py") }}

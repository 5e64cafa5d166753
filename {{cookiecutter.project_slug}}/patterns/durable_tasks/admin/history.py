{{ pattern("durable_tasks/admin/history.py") }}

{{ pattern("durable_tasks/admin/permissions.py") }}

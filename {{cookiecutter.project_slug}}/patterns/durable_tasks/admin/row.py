{{ pattern("durable_tasks/admin/row.py") }}

{{ pattern("durable_tasks/admin/failed.py") }}

{{ pattern("durable_tasks/admin/filters.py") }}

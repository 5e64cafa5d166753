{{ pattern("durable_tasks/admin/pages.py") }}

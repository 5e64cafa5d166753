{{ pattern("durable_tasks/admin/progress.py") }}

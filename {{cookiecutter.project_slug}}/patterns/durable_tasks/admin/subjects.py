{{ pattern("durable_tasks/admin/subjects.py") }}

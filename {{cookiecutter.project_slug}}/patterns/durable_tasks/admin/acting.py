{{ pattern("durable_tasks/admin/acting.py") }}

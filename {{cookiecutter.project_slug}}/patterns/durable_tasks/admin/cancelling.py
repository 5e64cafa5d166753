{{ pattern("durable_tasks/admin/cancelling.py") }}

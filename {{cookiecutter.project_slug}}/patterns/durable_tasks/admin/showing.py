{{ pattern("durable_tasks/admin/showing.py") }}

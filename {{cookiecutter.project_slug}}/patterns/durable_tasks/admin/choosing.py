{{ pattern("durable_tasks/admin/choosing.py") }}

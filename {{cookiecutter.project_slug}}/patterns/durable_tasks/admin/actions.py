{{ pattern("durable_tasks/admin/actions.py") }}

{{ pattern("durable_tasks/templatetags/durable_tasks.py") }}

{{ pattern("durable_tasks/templatetags/durable_tasks_moments.py") }}

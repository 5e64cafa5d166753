{{ pattern("durable_tasks/apps.py") }}

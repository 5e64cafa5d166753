{{ pattern("durable_tasks/other_apps.py") }}

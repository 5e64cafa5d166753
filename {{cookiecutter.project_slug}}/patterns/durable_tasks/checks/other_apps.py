{{ pattern("durable_tasks/checks/other_apps.py") }}

{{ pattern("durable_tasks/checks/settings.py") }}

{{ pattern("durable_tasks/checks/database.py") }}

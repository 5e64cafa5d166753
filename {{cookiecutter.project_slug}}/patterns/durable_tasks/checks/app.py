{{ pattern("durable_tasks/checks/app.py") }}

{{ pattern("durable_tasks/app.py") }}

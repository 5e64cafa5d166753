{{ pattern("durable_tasks/request.py") }}

{{ pattern("durable_tasks/stored_exception.py") }}

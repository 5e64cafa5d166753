{{ pattern("durable_tasks/plain_errors.py") }}

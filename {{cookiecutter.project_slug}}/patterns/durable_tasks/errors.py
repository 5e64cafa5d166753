{{ pattern("durable_tasks/errors.py") }}

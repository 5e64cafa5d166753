{{ pattern("durable_tasks/arguments.py") }}

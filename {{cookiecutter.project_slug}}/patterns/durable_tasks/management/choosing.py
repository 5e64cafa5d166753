{{ pattern("durable_tasks/management/choosing.py") }}

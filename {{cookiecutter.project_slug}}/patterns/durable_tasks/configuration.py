{{ pattern("durable_tasks/configuration.py") }}

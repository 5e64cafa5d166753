{{ pattern("durable_tasks/hooks.py") }}

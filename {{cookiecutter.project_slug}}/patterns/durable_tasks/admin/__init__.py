{{ pattern("durable_tasks/admin/__init__.py") }}

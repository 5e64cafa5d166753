{{ pattern("durable_tasks/migrations/__init__.py") }}

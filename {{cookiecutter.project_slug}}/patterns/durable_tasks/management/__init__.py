{{ pattern("durable_tasks/management/__init__.py") }}

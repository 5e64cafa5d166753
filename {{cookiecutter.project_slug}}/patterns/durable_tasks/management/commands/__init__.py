{{ pattern("durable_tasks/management/commands/__init__.py") }}

{{ pattern("durable_tasks/templatetags/__init__.py") }}

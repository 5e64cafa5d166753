{{ pattern("durable_tasks/__init__.py") }}

{{ pattern("queues/deployment/__init__.py") }}

{{ pattern("queues/__init__.py") }}

{{ pattern("queues/management/__init__.py") }}

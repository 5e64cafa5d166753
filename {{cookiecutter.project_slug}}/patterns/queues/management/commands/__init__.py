{{ pattern("queues/management/commands/__init__.py") }}

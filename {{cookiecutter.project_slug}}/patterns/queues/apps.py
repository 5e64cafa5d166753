{{ pattern("queues/apps.py") }}

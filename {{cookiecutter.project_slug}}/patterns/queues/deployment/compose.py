{{ pattern("queues/deployment/compose.py") }}

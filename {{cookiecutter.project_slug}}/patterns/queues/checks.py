{{ pattern("queues/checks.py") }}

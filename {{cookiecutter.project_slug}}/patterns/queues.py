{{ pattern("queues.py") }}

{{ pattern("queues/queue.py") }}

{{ pattern("queues/process.py") }}

{{ pattern("queues/listed.py") }}

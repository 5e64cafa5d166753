{{ pattern("queues/configuration.py") }}

{{ pattern("queues/deployment/target.py") }}

{{ pattern("queues/deployment/systemd.py") }}

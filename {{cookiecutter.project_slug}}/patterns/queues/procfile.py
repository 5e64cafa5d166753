{{ pattern("queues/procfile.py") }}

{{ pattern("queues/deployment/kubernetes.py") }}

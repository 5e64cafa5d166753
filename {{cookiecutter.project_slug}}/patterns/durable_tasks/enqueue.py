{{ pattern("durable_tasks/enqueue.py") }}

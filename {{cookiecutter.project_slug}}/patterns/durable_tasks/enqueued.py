{{ pattern("durable_tasks/enqueued.py") }}

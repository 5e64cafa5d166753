{{ pattern("durable_tasks/new_queues.py") }}

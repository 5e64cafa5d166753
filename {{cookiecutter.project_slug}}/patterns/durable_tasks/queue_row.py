{{ pattern("durable_tasks/queue_row.py") }}

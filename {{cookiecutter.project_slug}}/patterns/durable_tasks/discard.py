{{ pattern("durable_tasks/discard.py") }}

{{ pattern("durable_tasks/events.py") }}

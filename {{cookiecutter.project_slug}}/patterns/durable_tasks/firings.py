{{ pattern("durable_tasks/firings.py") }}

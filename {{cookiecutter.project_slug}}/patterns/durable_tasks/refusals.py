{{ pattern("durable_tasks/refusals.py") }}

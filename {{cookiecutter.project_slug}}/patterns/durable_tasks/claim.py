{{ pattern("durable_tasks/claim.py") }}

{{ pattern("durable_tasks/outcomes.py") }}

{{ pattern("durable_tasks/priorities.py") }}

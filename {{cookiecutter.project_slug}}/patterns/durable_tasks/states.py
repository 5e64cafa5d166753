{{ pattern("durable_tasks/states.py") }}

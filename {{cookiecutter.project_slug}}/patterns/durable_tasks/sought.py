{{ pattern("durable_tasks/sought.py") }}

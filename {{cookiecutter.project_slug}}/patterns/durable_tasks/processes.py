{{ pattern("durable_tasks/processes.py") }}

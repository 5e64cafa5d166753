{{ pattern("durable_tasks/run.py") }}

{{ pattern("durable_tasks/batches.py") }}

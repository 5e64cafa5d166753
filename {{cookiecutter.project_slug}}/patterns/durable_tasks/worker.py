{{ pattern("durable_tasks/worker.py") }}

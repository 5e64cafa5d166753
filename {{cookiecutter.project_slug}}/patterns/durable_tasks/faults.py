{{ pattern("durable_tasks/faults.py") }}

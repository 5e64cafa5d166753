{{ pattern("durable_tasks/due_times.py") }}

{{ pattern("durable_tasks/pausing.py") }}

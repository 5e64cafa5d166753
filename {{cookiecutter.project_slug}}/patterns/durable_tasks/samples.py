{{ pattern("durable_tasks/samples.py") }}

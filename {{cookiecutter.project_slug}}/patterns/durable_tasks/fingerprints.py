{{ pattern("durable_tasks/fingerprints.py") }}

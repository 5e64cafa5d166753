{{ pattern("durable_tasks/wanted_samples.py") }}

{{ pattern("durable_tasks/indexes.py") }}

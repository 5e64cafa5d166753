{{ pattern("durable_tasks/models.py") }}

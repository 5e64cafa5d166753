{{ pattern("durable_tasks/publication.py") }}

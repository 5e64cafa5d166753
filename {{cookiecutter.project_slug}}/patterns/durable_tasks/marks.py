{{ pattern("durable_tasks/marks.py") }}

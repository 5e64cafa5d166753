{{ pattern("durable_tasks/selection.py") }}

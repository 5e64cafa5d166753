{{ pattern("durable_tasks/figures.py") }}

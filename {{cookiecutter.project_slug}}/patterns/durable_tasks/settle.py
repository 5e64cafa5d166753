{{ pattern("durable_tasks/settle.py") }}

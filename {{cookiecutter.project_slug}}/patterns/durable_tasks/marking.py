{{ pattern("durable_tasks/marking.py") }}

{{ pattern("durable_tasks/management/changing.py") }}

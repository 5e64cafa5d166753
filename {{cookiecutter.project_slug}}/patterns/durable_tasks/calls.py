{{ pattern("durable_tasks/calls.py") }}

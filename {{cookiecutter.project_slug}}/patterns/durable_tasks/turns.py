{{ pattern("durable_tasks/turns.py") }}

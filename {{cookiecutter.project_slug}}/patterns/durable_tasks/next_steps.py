{{ pattern("durable_tasks/next_steps.py") }}

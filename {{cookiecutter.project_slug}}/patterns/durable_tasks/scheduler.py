{{ pattern("durable_tasks/scheduler.py") }}

{{ pattern("durable_tasks/replay.py") }}

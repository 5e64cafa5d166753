{{ pattern("durable_tasks/watchdog.py") }}

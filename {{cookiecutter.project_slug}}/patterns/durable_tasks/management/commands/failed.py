{{ pattern("durable_tasks/management/commands/failed.py") }}

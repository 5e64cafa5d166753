{{ pattern("durable_tasks/management/commands/tasks.py") }}

{{ pattern("durable_tasks/management/commands/task_queues.py") }}

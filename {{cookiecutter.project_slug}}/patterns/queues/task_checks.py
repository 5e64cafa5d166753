{{ pattern("queues/task_checks.py") }}

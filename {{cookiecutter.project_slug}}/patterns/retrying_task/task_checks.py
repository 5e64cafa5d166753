{{ pattern("retrying_task/task_checks.py") }}

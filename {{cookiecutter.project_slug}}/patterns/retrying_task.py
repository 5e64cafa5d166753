{{ pattern("retrying_task.py") }}

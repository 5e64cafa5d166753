{{ pattern("retrying_task/checks.py") }}

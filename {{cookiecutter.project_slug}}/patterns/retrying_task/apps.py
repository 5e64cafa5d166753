{{ pattern("retrying_task/apps.py") }}

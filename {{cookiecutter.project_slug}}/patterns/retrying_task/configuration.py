{{ pattern("retrying_task/configuration.py") }}

{{ pattern("retrying_task/errors.py") }}

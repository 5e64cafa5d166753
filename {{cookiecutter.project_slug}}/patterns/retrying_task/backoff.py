{{ pattern("retrying_task/backoff.py") }}

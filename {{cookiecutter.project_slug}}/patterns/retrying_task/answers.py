{{ pattern("retrying_task/answers.py") }}

{{ pattern("retrying_task/setting_names.py") }}

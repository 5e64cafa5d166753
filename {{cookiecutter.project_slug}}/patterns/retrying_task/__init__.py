{{ pattern("retrying_task/__init__.py") }}

{{ pattern("failure_check/apps.py") }}

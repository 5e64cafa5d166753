{{ pattern("failure_check/workers.py") }}

{{ pattern("failure_check/telling.py") }}

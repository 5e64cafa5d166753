{{ pattern("failure_check/checks.py") }}

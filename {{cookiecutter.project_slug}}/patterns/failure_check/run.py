{{ pattern("failure_check/run.py") }}

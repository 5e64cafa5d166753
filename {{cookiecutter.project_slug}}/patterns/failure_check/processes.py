{{ pattern("failure_check/processes.py") }}
